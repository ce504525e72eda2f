// The messages of both programs on standard error, and their exit status if standard output cannot be written.
//
// Invariants: a message is written at once. A message that cannot be written is lost, with no other effect, since standard
// error may be a file on a full disk. Output that could not be written is a success only if its reader has gone away.
#pragma once

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include "lib/os/file.hpp"
#include "tools/common/exit.hpp"

namespace shmring::tool {

inline void write_message(std::string_view text) { os::write_full(2, text.data(), text.size()); }

template <class... A>
void say(fmt::format_string<A...> form, A&&... arguments) {
  fmt::memory_buffer text;
  fmt::format_to(std::back_inserter(text), form, std::forward<A>(arguments)...);
  write_message({text.data(), text.size()});
}

// Writes out what was printed so far. Throws std::system_error with the reason, for main() to report.
inline void write_out() {
  errno = 0;
  if (std::fflush(stdout) != 0) throw std::system_error(errno != 0 ? errno : EIO, std::generic_category());
}

// Returns the exit status if standard output failed with this errno. EPIPE is a success, since the reader has gone away.
inline int cannot_write(const char* program, int error, void (*tell)(std::string_view) = write_message) {
  if (error == EPIPE) return ok;
  tell(fmt::format("{}: cannot write to standard output: {}: what was printed is not complete\n", program,
                   std::strerror(error)));
  return io;
}

// Prints what --help or --version asked for, and returns the exit status.
inline int answer(const char* program, std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return written ? ok : cannot_write(program, errno);
}

// Writes out what was printed, as the last step of a program. Returns `status`, or another exit status if that fails.
inline int finish(const char* program, int status, void (*tell)(std::string_view) = write_message) {
  errno = 0;
  const bool failed = std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
  return failed ? cannot_write(program, errno != 0 ? errno : EIO, tell) : status;
}

}  // namespace shmring::tool
