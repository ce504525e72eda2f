// The searches.
#include "tests/explore/search.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace explore {

std::string text_of(const Path& path) {
  std::string text;
  for (std::size_t i = 0; i < path.size();) {
    std::size_t end = i;
    while (end < path.size() && path[end] == path[i]) ++end;
    if (!text.empty()) text += '.';
    text += std::to_string(path[i]);
    if (end - i > 1) text += 'x' + std::to_string(end - i);
    i = end;
  }
  return text;
}

bool parse_path(const std::string& text, Path& path) {
  path.clear();
  const char* at = text.c_str();
  while (*at != 0) {
    char* end = nullptr;
    const unsigned long choice = std::strtoul(at, &end, 10);
    unsigned long times = 1;
    if (end == at || choice > 255) return false;
    if (*end == 'x') {
      at = end + 1;
      times = std::strtoul(at, &end, 10);
      if (end == at || times > 100'000) return false;
    }
    path.insert(path.end(), times, static_cast<u8>(choice));
    if (*end != 0 && *end != '.') return false;
    at = *end == '.' ? end + 1 : end;
  }
  return true;
}

namespace {
constexpr u64 bits(int bound) { return static_cast<u64>(bound) & 7; }

// Three bits a bound, bit 15 set: so a whole set of bounds is 16 bits.
u64 pack(const Bounds& left) {
  return 0x8000 | bits(left.stale) << 12 | bits(left.preemptions) << 9 | bits(left.kills) << 6 | bits(left.restarts) << 3 |
         bits(left.cuts);
}

// Whether each field of a is at least that of b. A guard bit above each field catches the borrow.
bool covers(u64 a, u64 b) {
  auto spread = [](u64 set) {
    return (set & 7) | (set >> 3 & 7) << 4 | (set >> 6 & 7) << 8 | (set >> 9 & 7) << 12 | (set >> 12 & 7) << 16;
  };
  constexpr u64 guards = 0x88888;
  return (((spread(a) | guards) - spread(b)) & guards) == guards;
}
}  // namespace

Visited::Visited() : places_(1 << 16) {}

bool Visited::insert(u64 key, const Bounds& left) {
  if (used_ * 10 > places_.size() * 7) grow();
  if (key == 0) key = 1;
  const u64 set = pack(left);
  const std::size_t mask = places_.size() - 1;
  std::size_t at = key & mask;
  while (places_[at].key != 0 && places_[at].key != key) at = (at + 1) & mask;
  Place& place = places_[at];
  if (place.key == 0) {
    place = {key, set};
    ++used_;
    return true;
  }
  // Keep the sets that the new one does not cover; with four already, the last gives way: a set forgotten costs time, no more.
  u64 kept = set;
  int shift = 16;
  for (u64 sets = place.left; sets != 0; sets >>= 16) {
    const u64 old = sets & 0xffff;
    if (covers(old, set)) return false;
    if (!covers(set, old) && shift < 64) kept |= old << shift, shift += 16;
  }
  place.left = kept;
  return true;
}

void Visited::grow() {
  std::vector<Place> old(places_.size() * 2);
  old.swap(places_);
  const std::size_t mask = places_.size() - 1;
  for (const Place& place : old) {
    if (place.key == 0) continue;
    std::size_t at = place.key & mask;
    while (places_[at].key != 0) at = (at + 1) & mask;
    places_[at] = place;
  }
}

int DepthFirst::choose(int count, u64 key, const Bounds& left) {
  if (depth_ < decisions_.size() && count > 1) return decisions_[depth_++].taken;
  if (depth_ < decisions_.size()) return 0;
  if (merge_ && !visited_.insert(key, left)) return prune;
  if (count > 1) decisions_.push_back({0, static_cast<u8>(count)}), ++depth_;
  return 0;
}

bool DepthFirst::next() {
  depth_ = 0;
  while (!decisions_.empty() && decisions_.back().taken + 1 == decisions_.back().count) decisions_.pop_back();
  if (decisions_.empty()) return false;
  ++decisions_.back().taken;
  return true;
}

Path DepthFirst::path() const {
  Path path;
  for (std::size_t i = 0; i < depth_; ++i) path.push_back(decisions_[i].taken);
  return path;
}

// Long runs of one role with a few changes find more than a coin at each step.
int Random::choose(int count, u64, const Bounds&) {
  if (count == 1) return 0;
  const u64 draw = engine_();
  const int chosen = draw % 16 != 0 ? 0 : static_cast<int>((draw >> 8) % static_cast<u64>(count));
  path_.push_back(static_cast<u8>(chosen));
  return chosen;
}

int Replay::choose(int count, u64, const Bounds&) {
  if (count == 1 || depth_ == path_.size()) return 0;
  const int chosen = path_[depth_++];
  return chosen < count ? chosen : 0;
}

namespace {
using Time = std::chrono::steady_clock;

double seconds_since(Time::time_point start) { return std::chrono::duration<double>(Time::now() - start).count(); }

// Counts an execution. False: stop here.
class Clerk {
 public:
  Clerk(const Limits& limits, Result& result) : limits_(limits), result_(result) {}

  bool count(const Scheduler& scheduler, Scheduler::Outcome outcome, std::size_t states) {
    ++result_.executions;
    result_.steps += static_cast<u64>(scheduler.steps());
    result_.deepest = std::max(result_.deepest, scheduler.steps());
    result_.states = states;
    if (outcome == Scheduler::Outcome::pruned) ++result_.pruned;
    if (outcome == Scheduler::Outcome::failed) {
      result_.failed = true;
      result_.failure = scheduler.failure();
      return false;
    }
    if (result_.executions == limits_.executions) {
      result_.whole = false;
      return false;
    }
    if (result_.executions % 4096 != 0) return true;
    const double now = seconds_since(start_);
    if (limits_.progress && now > said_ + 10) {
      said_ = now;
      std::fprintf(stderr, "explore: %.0f s, %llu executions (%.0f a second), %zu states, deepest %d\n", now,
                   static_cast<unsigned long long>(result_.executions), static_cast<double>(result_.executions) / now, states,
                   result_.deepest);
    }
    if (limits_.seconds > 0 && now > limits_.seconds) {
      result_.whole = false;
      return false;
    }
    return true;
  }

 private:
  const Limits& limits_;
  Result& result_;
  Time::time_point start_ = Time::now();
  double said_ = 0;
};
}  // namespace

Result explore_all(Scheduler& scheduler, const Limits& limits) {
  Result result;
  Clerk clerk(limits, result);
  DepthFirst search(limits.merge);
  do {
    const auto outcome = scheduler.run(search, limits.bounds, limits.steps, nullptr);
    if (!clerk.count(scheduler, outcome, search.states())) {
      result.path = search.path();
      return result;
    }
  } while (search.next());
  return result;
}

Result explore_random(Scheduler& scheduler, const Limits& limits, u64 seed) {
  Result result;
  result.whole = false;
  Clerk clerk(limits, result);
  Random random(seed);
  for (;;) {
    random.begin();
    const auto outcome = scheduler.run(random, limits.bounds, limits.steps, nullptr);
    if (!clerk.count(scheduler, outcome, 0)) {
      result.path = random.path();
      return result;
    }
  }
}

Scheduler::Outcome replay(Scheduler& scheduler, const Limits& limits, const Path& path, std::vector<Step>* trace) {
  Replay chooser(path);
  return scheduler.run(chooser, limits.bounds, limits.steps, trace);
}

}  // namespace explore
