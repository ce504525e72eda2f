// The last error of the calling thread, as a text for people.
//
// Invariants: never allocates, never prints; a text names the ring or file, what was found, what was expected, what
// to do.
#pragma once

namespace shmring::os {

// Store the text (printf format) for shmring_last_error and return −error. `error` is a positive errno.
[[gnu::format(printf, 2, 3)]] int fail(int error, const char* format, ...);

// The calling thread's last text; "" if there was no error yet.
const char* last_error();

}  // namespace shmring::os
