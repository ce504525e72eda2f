// Numbers as people write them: whole numbers, sizes and durations with a unit, and groups.
//
// Invariant: what a …_text() gives, the reader of the same kind reads as the same number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shmring::tool {

// Returns nothing if the text is not all digits of that base, or names more than 64 bits hold.
std::optional<std::uint64_t> read_whole(std::string_view text, int base);

// "128 MiB": units B, KiB, MiB, GiB and TiB; a number alone is bytes.
std::optional<std::uint64_t> read_size(std::string_view text);
std::string size_text(std::uint64_t bytes);

// "20 ms", in nanoseconds: units ns, us, ms, s, min, h and d. A number alone is none.
std::optional<std::uint64_t> read_duration(std::string_view text);
std::string duration_text_exact(std::uint64_t ns);

// Returns "", "unknown" if there is no such group, or why it cannot be looked up.
std::string read_group(const std::string& text, std::uint64_t& out);

}  // namespace shmring::tool
