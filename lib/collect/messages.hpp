// What shmringd says, on standard error.
//
// Invariants:
//   - no message makes the collector wait: standard error may be a pipe that nobody reads;
//   - what standard error does not take is lost and nothing else; how many messages it was is said before the next one.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "lib/os/file.hpp"

namespace shmring::collect {

class Messages {
 public:
  void write(std::string_view text) {
    std::string all = unwritten_ == 0 ? ""
                                      : fmt::format("shmringd: {} message{} not written: standard error was full\n", unwritten_,
                                                    unwritten_ == 1 ? " was" : "s were");
    all += text;
    const bool written = os::write_without_waiting(2, all.data(), all.size()) == 0;
    unwritten_ = written ? 0 : unwritten_ + 1;
  }
  // At the end of the process: what is still to be said of those that were not written.
  void end() {
    if (unwritten_ > 0) write("");
  }

 private:
  unsigned long unwritten_ = 0;
};

inline Messages messages;  // standard error is the whole process's

template <class... A>
void say(fmt::format_string<A...> form, A&&... arguments) {
  messages.write(fmt::format(form, std::forward<A>(arguments)...));
}

}  // namespace shmring::collect
