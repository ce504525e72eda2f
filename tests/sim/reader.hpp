// What a log says, by its files alone, as its readers must find it.
//
// Invariant: nothing here uses the code under test. A file is one of the log if its name says so, the files stand in the order
// of (first index, name), and each ends where the next one begins.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/disk.hpp"

namespace sim {

// The whole lines with the indexes `from`, `from` + 1 …, as far as they follow each other. What comes behind them is no line of
// that index, or nothing.
std::vector<std::string> lines_from(const Disk& disk, u64 directory, u64 from);

// The number that stands behind this key, which has its quotes and colon, or ~0.
u64 number_in(std::string_view line, std::string_view key);

// What the event of that sequence says, of a length that depends on the sequence too.
std::string payload_of(u64 sequence);
// Whether a line that is an event says what it should.
bool says_what_was_written(std::string_view line);

// The names in the log's directory, for a report, with the bytes and the mode of each.
std::string listing(const Disk& disk, u64 directory);

}  // namespace sim
