// Who decides: depth-first over every choice, at random from a seed, or a replay of choices written down.
//
// Invariants:
//   - depth-first re-executes from the start with a prefix of choices, and takes the first option beyond it; when it
//     has ended, every execution within the bounds was run, or was cut at a state met before with at least as much
//     left;
//   - a path is the whole execution: its text replays it bit for bit.
#pragma once

#include <random>

#include "tests/explore/scheduler.hpp"

namespace explore {

using Path = std::vector<u8>;
std::string text_of(const Path& path);  // run lengths: "0x12.1.0x3"
bool parse_path(const std::string& text, Path& path);

// States met, each with the bounds that were left there. 64-bit keys: for n states the chance that two of them are
// taken for one is below n² / 2^65 (a ten-millionth for a million).
class Visited {
 public:
  Visited();
  // False if the state was met with at least as much left of each bound.
  bool insert(u64 key, const Bounds& left);
  std::size_t size() const { return used_; }

 private:
  struct Place {
    u64 key = 0;
    u64 left = 0;  // up to four sets of bounds, 16 bits each, 0: none
  };
  void grow();
  std::vector<Place> places_;
  std::size_t used_ = 0;
};

class DepthFirst : public Chooser {
 public:
  explicit DepthFirst(bool merge) : merge_(merge) {}
  bool repeats() const override { return depth_ < decisions_.size(); }
  int choose(int count, u64 key, const Bounds& left) override;
  bool next();  // prepare the next execution; false: all were run
  Path path() const;
  std::size_t states() const { return visited_.size(); }

 private:
  struct Decision {
    u8 taken, count;
  };
  std::vector<Decision> decisions_;
  std::size_t depth_ = 0;
  bool merge_;
  Visited visited_;
};

class Random : public Chooser {
 public:
  explicit Random(u64 seed) : engine_(seed) {}
  bool repeats() const override { return true; }
  int choose(int count, u64 key, const Bounds& left) override;
  void begin() { path_.clear(); }
  const Path& path() const { return path_; }

 private:
  std::mt19937_64 engine_;
  Path path_;
};

class Replay : public Chooser {
 public:
  explicit Replay(Path path) : path_(std::move(path)) {}
  bool repeats() const override { return true; }
  int choose(int count, u64 key, const Bounds& left) override;

 private:
  Path path_;
  std::size_t depth_ = 0;
};

struct Result {
  bool failed = false;
  bool whole = true;  // every execution within the bounds, not stopped before
  std::string failure;
  Path path;
  u64 executions = 0, pruned = 0, steps = 0;
  std::size_t states = 0;
  int deepest = 0;
};

struct Limits {
  Bounds bounds;
  int steps = 5000;       // an execution
  bool merge = true;      // cut at states met before
  double seconds = 0;     // stop then; 0: never
  u64 executions = 0;     // … after so many; 0: never
  bool progress = false;  // a line on stderr now and then
};

Result explore_all(Scheduler& scheduler, const Limits& limits);
Result explore_random(Scheduler& scheduler, const Limits& limits, u64 seed);
Scheduler::Outcome replay(Scheduler& scheduler, const Limits& limits, const Path& path, std::vector<Step>* trace);

}  // namespace explore
