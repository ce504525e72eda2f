// A second context beside the caller's, in the same thread: it runs only when the caller lets it, and stops at each pause().
//
// Invariants:
//   - a body that was begun ends, by itself or because its pause() throws. Its stack is then as any other that was left;
//   - what is thrown in one context never passes into the other.
#pragma once

#include <ucontext.h>

#include <exception>
#include <functional>
#include <memory>

namespace sim {

class Turns {
 public:
  Turns();
  Turns(const Turns&) = delete;

  // Nothing runs beside the caller so far. The body begins with the next go_on().
  void begin(std::function<void()> body);
  bool is_running() const { return runs_; }  // begun, and not at its end
  bool is_beside() const { return is_beside_; }
  // Lets the body go on until it pauses or ends.
  void go_on();
  // In the body: lets the caller go on.
  void pause();

 private:
  static constexpr std::size_t stack_bytes = std::size_t{256} << 10;
  static void enter(unsigned high, unsigned low);

  ucontext_t caller_{}, body_context_{};
  std::unique_ptr<char[]> stack_;
  std::function<void()> body_;
  bool runs_ = false, is_beside_ = false;
};

}  // namespace sim
