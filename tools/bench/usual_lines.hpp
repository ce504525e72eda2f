// Lines as a collector encodes them, a batch at a time.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lib/log/format/encoder.hpp"
#include "tools/bench/collecting.hpp"

namespace shmring::bench {

class UsualLines {
 public:
  static constexpr u64 start_ns = u64{1'800'000'000} * 1'000'000'000, incarnation = 251120727563652;

  explicit UsualLines(std::string_view ring = "payments") : encoder_(ring) {}
  // Events of the sequences behind this one, and not more than a microsecond apart.
  void gather(u64 through, u64 count) {
    const std::span payload(reinterpret_cast<const std::byte*>(usual_text.data()), usual_text.size());
    lines_.clear();
    for (u64 i = through; i < through + count; ++i)
      lines_.emplace_back(log::Event{
          "api", incarnation, i + 1, 1, i, start_ns + i * 617, 1, {}, SHMRING_KIND_TEXT, 6, {}, payload, false, false});
  }
  // Replaces `out` by the text of the lines that were gathered last.
  void encode(u64 first, std::string& out) {
    out.clear();
    encoder_.encode(lines_, first, out);
  }
  log::Encoder& encoder() { return encoder_; }

 private:
  log::Encoder encoder_;
  std::vector<log::Line> lines_;
};

}  // namespace shmring::bench
