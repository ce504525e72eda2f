// The last error of the calling thread, as a text for people.
//
// Invariants: this code never allocates and never prints. A text names the ring or file, what was found, what was expected, and
// what to do.
#pragma once

namespace shmring::os {

// Stores the text (printf format) for shmring_last_error and returns −error. `error` is a positive errno.
[[gnu::format(printf, 2, 3)]] int fail(int error, const char* format, ...);

// Returns the calling thread's last text, or "" if there was no error yet.
const char* last_error();

}  // namespace shmring::os
