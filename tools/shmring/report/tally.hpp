// What a report says of a log's lines, as plain values: sums by producer, a timeline, and what happened to the log.
//
// Invariants:
//   - memory is bounded, whatever the log has: so many producers, occurrences and files are kept one by one, and what is behind
//     that is in a sum or a count. The sums of all rows are those of the log, with nothing left out;
//   - a producer's row that was begun after others had been given up may lack what came before. It says so (`is_partial`);
//   - texts are as they stand in the log: in canonical form (lib/log/format/json.hpp), which a page still has to escape.
// Lines in, values out.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/log/files/verify.hpp"
#include "tools/shmring/report/timeline.hpp"

namespace shmring::tool {

using log::u64;

// What the lines say of the producers of one name, or of several together.
struct ProducerSum {
  std::string name;
  u64 logged = 0;
  log::Causes lost;
  u64 attached = 0, died = 0, gone = 0;  // lives that began, that ended inside a write or a process, whose end is not known
  u64 nested = 0;                        // writes of closed accounts that took no sequence
  bool is_partial = false;

  u64 attempted() const { return logged + lost.total(); }
  ProducerSum& operator+=(const ProducerSum& other);
};

class Producers {
 public:
  static constexpr std::size_t most_kept = 1024;
  static constexpr std::size_t most_name_bytes = 512;  // a ring has names of 63 bytes, in a line at most six times as many

  // Returns the row to add to. It is valid until the next call.
  ProducerSum& of(std::string_view name);

  // Returns the rows with most losses, then those with most attempts; `rest` is the sum of all others.
  std::vector<ProducerSum> top(std::size_t most, ProducerSum& rest) const;
  // The number of names, if none was given up; else at least so many.
  std::size_t count() const { return rows_.size(); }
  bool is_complete() const { return !has_given_up_; }

 private:
  void give_up_least();

  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, ProducerSum, Hash, std::equal_to<>> rows_;
  ProducerSum rest_;
  ProducerSum* recent_ = nullptr;  // lines of one producer come in runs
  bool has_given_up_ = false;
};

// A line that is no event and no loss.
struct Occurrence {
  u64 index;
  std::string time, kind;
  std::string pairs;  // its keys and values: what stands between the braces of a JSON object
  bool is_cut;        // there were too many to be kept, and so there are none
};

// The newest of many.
struct Occurrences {
  static constexpr std::size_t most_kept = 200;
  static constexpr std::size_t most_bytes = 2000;

  void add(const log::Parsed& line);

  u64 count = 0;
  std::deque<Occurrence> newest;
};

struct FileSum {
  std::string name;
  u64 first_index = 0, lines = 0;
  std::string begin, end;  // times of its first and last line
};

class Tally final : public log::LineTaker {
 public:
  static constexpr std::size_t most_files = 1000;
  static constexpr std::size_t most_codes = 64, most_code_bytes = 64;

  void begin() override { *this = Tally(); }
  void take(const log::LogLine& at, const log::Parsed& line) override;

  Producers producers;
  Timeline timeline;
  u64 untimed = 0;        // events and losses whose time is none: they are in no bar
  Occurrences incidents;  // an outage is one that has `from` and `to`
  u64 outages = 0;        // among them
  Occurrences runs;       // start, stop, recovery, clock, config, retain
  Occurrences keys;       // epochs of a seal that have begun
  u64 heartbeats = 0;
  std::vector<std::pair<std::string, u64>> codes;  // of incidents, in the order in which they came; "": without one, or others
  std::deque<FileSum> files;                       // the newest
  u64 earlier_files = 0, earlier_lines = 0;        // before them
  std::string first_time, last_time;               // of all lines

 private:
  void file(const log::LogLine& at, const log::Parsed& line);
  void producer(const log::Parsed& line);
  void note(const log::Parsed& line);
  void count(std::string_view code);
  void place(const log::Parsed& line, u64 logged, u64 lost);

  std::string second_text_;  // the last one that was read
  log::i64 second_ = 0;
};

}  // namespace shmring::tool
