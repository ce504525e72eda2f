// What shmringd says on standard error.
//
// Invariants:
//   - no message makes the collector wait, since standard error may be a pipe that nobody reads;
//   - a message that standard error does not take is lost, with no other effect. The next message is preceded by the number of
//     messages lost.
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
  // Called at the end of the process: reports how many messages were not written.
  void end() {
    if (unwritten_ > 0) write("");
  }

 private:
  unsigned long unwritten_ = 0;
};

inline Messages messages;  // standard error belongs to the whole process

template <class... A>
void say(fmt::format_string<A...> form, A&&... arguments) {
  messages.write(fmt::format(form, std::forward<A>(arguments)...));
}

}  // namespace shmring::collect
