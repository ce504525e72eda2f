// Payloads of kind fields as JSON. The encoding, and what each type becomes, is specified in shmring.h.
//
// Invariants:
//   - the bytes are hostile: read once, front to back, nothing outside them, whatever they say of themselves;
//   - what is appended is one JSON object in canonical form (json.hpp), no key in it twice; no allocation but for
//     `out`.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace shmring::log {

// False, and `out` as before: not fields, a key that is not UTF-8 or stands there twice, or more than max_fields.
bool append_fields(std::string& out, std::span<const std::byte> payload);

}  // namespace shmring::log
