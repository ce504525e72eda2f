// Writes formatted text: shmring::write(audit, {.type = 1}, "order {} authorised", order). It needs fmt, or a <format> of the
// standard library, and is not part of shmring.hpp for that.
//
// The text is formatted on the stack up to 512 bytes, and in memory that is allocated if it is longer. Nothing throws: what
// cannot be formatted, for instance because there is no memory, is −ENOMEM, and takes no sequence.
// Thread role: as for write() of the Producer or the PerThread.
// SPDX-License-Identifier: MIT
#pragma once

#include "shmring.hpp"

#if __cplusplus > 201703L

#if __has_include(<fmt/format.h>)
#include <fmt/format.h>
#elif __has_include(<format>)
#include <format>
#endif

#include <iterator>

namespace shmring {

#if defined(FMT_VERSION)
template <class Self, class... T>
Result write(Writer<Self>& writer, const Meta& meta, fmt::format_string<T...> format, T&&... values) noexcept try {
  fmt::basic_memory_buffer<char, 512> text;
  fmt::format_to(std::back_inserter(text), format, std::forward<T>(values)...);
  return writer.write(std::string_view(text.data(), text.size()), meta);
} catch (...) {
  return {-ENOMEM};
}
#elif defined(__cpp_lib_format)
template <class Self, class... T>
Result write(Writer<Self>& writer, const Meta& meta, std::format_string<T...> format, T&&... values) noexcept try {
  char text[512];
  const auto [end, size] = std::format_to_n(text, sizeof text, format, values...);
  if (static_cast<std::size_t>(size) <= sizeof text) return writer.write(std::string_view(text, end), meta);
  return writer.write(std::format(format, std::forward<T>(values)...), meta);
} catch (...) {
  return {-ENOMEM};
}
#else
#error "shmring/format.hpp needs fmt (Debian's libfmt-dev), or a standard library with <format>"
#endif

}  // namespace shmring

#endif
