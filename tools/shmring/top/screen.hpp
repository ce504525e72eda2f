// shmring top: the terminal. The only part that knows ncurses.
//
// Invariants:
//   - however the program ends, the terminal is as it was: at SIGINT, SIGTERM and SIGHUP wait() returns, and the destructor
//     gives the terminal back; ncurses itself does so at SIGTSTP;
//   - a terminal that is gone ends the program: it is never read in a loop.
#pragma once

#include <csignal>
#include <optional>

#include "tools/shmring/top/frame.hpp"

namespace shmring::tool::top {

class Screen {
 public:
  // Takes the terminal of standard input and output. Colours are used unless NO_COLOR is set.
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;

  // False: ncurses does not know the terminal, and nothing was taken. The other functions are not called then.
  bool works() const { return terminal_ != nullptr; }

  std::size_t columns() const;
  std::size_t rows() const;
  // `whole`: also what has not changed is drawn again.
  void show(const Frame& frame, bool whole);

  // Waits for a key at most so long. Returns the key (view.hpp), or nothing if none came, the size has changed, or this has
  // ended.
  std::optional<int> wait(ring::u64 most_ns);
  // The terminal is gone, or a signal came: 0, or the signal.
  bool ended() const { return gone_ || signal_ != 0; }
  int signal() const { return signal_; }

 private:
  std::optional<int> take_key();

  static inline volatile std::sig_atomic_t signal_ = 0;
  void* terminal_ = nullptr;
  bool gone_ = false;
  sigset_t before_{};
};

}  // namespace shmring::tool::top
