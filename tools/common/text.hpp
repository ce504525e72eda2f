// Functions for the output of the subcommands: safe texts, units, tables and JSON objects. It also has functions for looking at
// a ring.
//
// Invariants:
//   - data goes to stdout through fmt::print. It throws std::system_error if it cannot write, which main() reports;
//   - no byte of a segment reaches a terminal or a JSON text unescaped.
#pragma once

#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/inspect/inspect.hpp"

namespace shmring::tool {

using ring::u32;
using ring::u64;

// Returns the inside of a JSON string: on one line, and harmless on a terminal.
std::string safe(std::string_view text);
std::string in_quotes(std::string_view text);  // a JSON string
std::string hex_of(std::span<const std::byte> bytes);
std::string ring_id_text(const ring::RingId& identity);  // 32 hex digits, in the order of the bytes

std::string bytes_text(u64 bytes);                                      // 33.2 MiB
std::string time_text(u64 utc_ns);                                      // 2026-01-31T12:00:00.000000000Z
std::string duration_text(u64 ns);                                      // 1.2 s
inline const char* plural(u64 count) { return count == 1 ? "" : "s"; }  // what is added to a word of so many
const char* policy_name(u32 on_full);                                   // "?" for an unknown number, as in the next functions
const char* slot_state_name(std::size_t state);
const char* owner_state_name(ring::OwnerState state);
const char* segment_state_name(u32 state);
const char* status_state_name(u64 state);
const char* level_name(ring::Level level);
const char* standing_name(inspect::Standing standing);
// Returns what the collector promises, how far its log survives a power cut, what the log takes, and an alarm if there is one.
std::string durability_text(const inspect::CollectorFacts& collector);

// Returns the causes that have a count, each in the format `form`, or "" if there is none.
std::string counters_text(const inspect::ProducerFacts& producer, const char* form, const char* between);
// Does the same for the losses that the collector has logged. A ring of version 1 has three causes, and counts all others as
// one. `all` includes causes without a count.
std::string losses_text(const inspect::CollectorFacts& collector, const char* form, const char* between, bool all = false);

// Prints a message on stderr: `shmring: ` and the text.
void complain(std::string_view text);
void warn(std::string_view text);

// Makes the text bold if stdout is a terminal and NO_COLOR is not set.
std::string bold(std::string_view text);

// Rows under headings. If a heading begins with '>', its column is aligned to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> heads) : heads_(std::move(heads)) {}
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  void print() const;

 private:
  std::vector<std::string> heads_;
  std::vector<std::vector<std::string>> rows_;
};

// One JSON object, its keys in the order of the calls.
class Json {
 public:
  Json& number(std::string_view key, u64 value) { return raw(key, std::to_string(value)); }
  Json& real(std::string_view key, double value) { return raw(key, fmt::format("{:.3f}", value)); }
  Json& boolean(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
  Json& string(std::string_view key, std::string_view value) { return raw(key, in_quotes(value)); }
  Json& raw(std::string_view key, std::string_view json);
  std::string text() const { return "{" + text_ + "}"; }
  void print() const { fmt::print("{{{}}}\n", text_); }

 private:
  std::string text_;
};

// Appends what durability_text says.
void add_durability(Json& json, const inspect::CollectorFacts& collector);
std::string json_array(const std::vector<std::string>& values);

// Checks whether the name may name a ring, as a Check of command_line.hpp: "" or what is wrong, not escaped yet.
std::string check_ring_name(const std::string& name);

// Opens the ring, or the file if `name` holds a '/', for reading only. Returns 0, or an exit status with the reason on stderr.
int look(const std::string& name, os::Segment& segment, std::vector<std::string>& findings);

// Returns where the ring's file is, for people.
std::string path_of(const std::string& name);

// Returns true for an exclusive lane that nobody has had yet.
bool is_unused(const inspect::LaneFacts& lane);

// Counts the entries through which somebody may still write: attaching or attached, and not proven dead.
u64 live_producers(const inspect::Inspection& inspection);

}  // namespace shmring::tool
