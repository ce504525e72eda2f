// A reader of audit logs that shares no code with the library: lines, keys, strings.
//
// Invariants: what is not well-formed gives an empty answer, which no check takes for a good one; views point into the line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shmring::test {

// A JSON object's keys with their values as they stand; nested values are kept whole. Empty: it is none.
class Object {
 public:
  explicit Object(std::string_view text);
  ~Object();
  std::string_view operator[](std::string_view key) const;
  // −1: absent, or no number.
  std::int64_t number(std::string_view key) const;
  // A string that needs no unescaping.
  std::string_view plain(std::string_view key) const;
  const auto& pairs() const { return pairs_; }

  static std::int64_t to_number(std::string_view text);
  // The value that begins at `at`: up to the comma, colon or bracket that ends it.
  static std::string_view value_at(std::string_view text, std::size_t at);

 private:
  std::vector<std::pair<std::string_view, std::string_view>> pairs_;
};

// The objects of a JSON array.
std::vector<std::string_view> elements(std::string_view array);

// A JSON string's bytes; of what is escaped nothing is beyond U+FFFF.
std::string unescaped(std::string_view quoted);

std::string from_base64(std::string_view text);

// The log's files, by the index in their names; of several with the same one the last has superseded the others.
std::vector<std::string> log_files(const std::string& dir);

// The first index of a file, as its name says.
std::uint64_t first_index_of(const std::string& file);

// What of a file counts: its lines below the first index of the next file, which has what is behind them.
std::string range_of(const std::vector<std::string>& files, std::size_t file);

std::string contents(const std::string& path);

// The whole log's text, what it has now.
std::string log_text(const std::string& dir);

// Adds up how often each sequence of the producer is in this log, in events and loss ranges; `times` has a place for each that
// it has attempted. Returns where its account begins in this log.
std::uint64_t count_sequences(const std::string& dir, std::string_view producer, std::vector<int>& times);

}  // namespace shmring::test
