// Payloads of kind fields as JSON. shmring.h specifies the encoding, and what each type becomes.
//
// Invariants:
//   - the bytes are hostile. They are read once, from front to back, and nothing outside them is read, whatever they say;
//   - what is appended is one JSON object in canonical form (json.hpp) in which no key occurs twice. Only `out` allocates.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace shmring::log {

// Returns false, with `out` as before, if the payload is not fields, if a key is not UTF-8 or occurs twice, or if there are
// more than max_fields.
bool append_fields(std::string& out, std::span<const std::byte> payload);

}  // namespace shmring::log
