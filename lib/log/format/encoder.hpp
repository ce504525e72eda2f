// The text of lines: values to JSON, in the log's form and key order.
//
// Invariants:
//   - one value is one line, whatever bytes its payload has. Keys stand in the order of line.hpp's fields;
//   - the text depends only on the values, and never on what was encoded before. What an encoder keeps only saves time.
// Thread role: one thread per encoder.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "lib/log/format/line.hpp"

namespace shmring::log {

class Encoder {
 public:
  // Encodes lines of the ring of that name.
  explicit Encoder(std::string_view ring) : ring_(ring) {}

  // Appends the lines' texts, each with its newline, to `out`. `index` is that of the first line. Nothing is allocated except
  // out's growth and what is kept of a producer. Each line names `ring_id`; if it is none, the lines are of the present ring.
  void encode(std::span<const Line> lines, u64 index, std::string& out, const RingId& ring_id = {});
  void encode(const Line& line, u64 index, std::string& out) { encode({&line, 1}, index, out); }

  const std::string& ring() const { return ring_; }

 private:
  class Text;

  // A producer's keys as an earlier event had them. This saves time because a producer writes many events, and incarnations
  // that live together usually follow each other.
  struct Source {
    u64 incarnation = 0;
    std::string producer, text;
  };
  struct Second {
    u64 number = ~u64{0};  // seconds since 1970
    char text[20];
  };

  std::string ring_;
  std::array<Source, 16> sources_;
  Second second_;
};

// Appends a payload as an event line's "data" has it. Returns false if the payload does not conform to its kind, and was
// written as text or base64.
bool append_data(std::string& out, u8 kind, std::span<const std::byte> payload);

}  // namespace shmring::log
