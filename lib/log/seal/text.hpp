// One strict reader for the text formats of a seal: notes, checkpoints, keys, proofs, and what a witness answers.
//
// Invariants:
//   - a line ends with a newline. A last one that has none is not a line, since it may have been cut;
//   - a number is below 2^63, in digits alone, without a sign or a leading zero. A hash is its one base64 text. So each value
//     has one text, and each text one value.
#pragma once

#include <string>
#include <string_view>

#include "lib/log/format/frontier.hpp"

namespace shmring::log {

class TextReader {
 public:
  explicit TextReader(std::string_view text) : text_(text) {}

  // Returns false at the end of the text, and if what is left has no newline.
  bool line(std::string_view& out) {
    const std::size_t end = text_.find('\n', at_);
    if (end == text_.npos) return false;
    out = text_.substr(at_, end - at_);
    line_ = at_;
    at_ = end + 1;
    return true;
  }
  std::string_view rest() const { return text_.substr(at_); }
  bool at_end() const { return at_ == text_.size(); }
  std::size_t offset() const { return line_; }  // where the line last returned begins

 private:
  std::string_view text_;
  std::size_t at_ = 0, line_ = 0;
};

// They return false if the text is none.
bool number_of(std::string_view text, u64& out);
bool hash_of(std::string_view text, Hash& out);
// Takes the prefix off, if the text begins with it.
bool take_prefix(std::string_view& text, std::string_view prefix);

std::string base64_of(const Hash& hash);

}  // namespace shmring::log
