// A host's log as a collector would leave it: files, a mark with D, rotation, compression, removal below what the archive has,
// files that are replaced after a sync that failed, and power cuts. And what must come out at the other end.
//
// Invariant: the lines that were below D never change; what is above it may be lost with the power, and written otherwise.
#pragma once

#include <string>
#include <vector>

#include "lib/log/format/numbers.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/fleet/files.hpp"

namespace sim {

class Host {
 public:
  Host(Files& files, std::string path, u64 seed, u64 longest_line);

  // Something of what a collector and its machine do; the dice decide what.
  void act();
  void write_lines(u64 count);
  void make_all_durable() { advance_durable(lines_.size()); }

  const std::string& path() const { return path_; }
  const std::vector<std::string>& lines() const { return lines_; }
  u64 durable() const { return durable_; }

 private:
  struct Written {
    std::string name;
    u64 first;
    std::shared_ptr<HostFile> file;
    bool is_removed = false;
  };
  void begin_file(u64 first);
  void write_mark();
  void advance_durable(u64 to);
  void rotate();
  void replace();
  void compress();
  void remove_archived();
  void lose_power();
  std::string new_line();
  Written& current() { return written_.back(); }

  Files& files_;
  const std::string path_;
  Dice dice_;
  const u64 longest_line_;
  std::vector<std::string> lines_;
  std::vector<Written> written_;  // in their order
  u64 durable_ = 0, time_s_ = 1'767'000'000;
};

}  // namespace sim
