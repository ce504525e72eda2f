// The last error text of each thread. Invariant: always a terminated string of at most 511 bytes.
#include "lib/os/error.hpp"

#include <cstdarg>
#include <cstdio>

namespace shmring::os {
namespace {

// initial-exec lets the text be reached without a call that might allocate, even if the library was loaded with dlopen().
[[gnu::tls_model("initial-exec")]] constinit thread_local char text[512] = "";

}  // namespace

int fail(int error, const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return -error;
}

const char* last_error() { return text; }

}  // namespace shmring::os
