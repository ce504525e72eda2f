// See round_trip.hpp.
#include "tools/bench/round_trip.hpp"

#include <algorithm>

#include "lib/os/file.hpp"
#include "tools/bench/board.hpp"

namespace shmring::bench {
namespace {

constexpr u32 bursts = 400, passes = 50;  // a burst is so many round trips
constexpr u64 limit_ns = 500'000'000;     // for all bursts, in case other processes have the processors

// The word `ball` goes to and fro between two processes, of which one serves and measures.
struct Table {
  alignas(64) std::atomic<u64> ball;  // odd: it is the other process's turn
  alignas(64) std::atomic<u32> over;
  alignas(64) u64 taken[bursts];  // ticks of each burst
  u32 count;                      // of these
};

// Returns false if the ball did not come, because the other process has ended or the time is over.
bool wait_for(Table& table, u64 ball, u64 end_ns) {
  for (u32 looks = 1; table.ball.load(std::memory_order_acquire) != ball; ++looks) {
    if (looks % 4096 != 0) continue;
    if (table.over.load(std::memory_order_acquire) != 0 || os::monotonic_now_ns() > end_ns) return false;
  }
  return true;
}

int serve(Table& table, int processor) {
  pin(processor);
  const u64 end_ns = os::monotonic_now_ns() + limit_ns;
  u64 ball = 0;
  for (u32 burst = 0; burst < bursts; ++burst) {
    const u64 start = ticks();
    for (u32 pass = 0; pass < passes; ++pass, ball += 2) {
      table.ball.store(ball + 1, std::memory_order_release);
      if (wait_for(table, ball + 2, end_ns)) continue;
      table.over.store(1, std::memory_order_release);
      return 0;
    }
    if (burst != 0) table.taken[table.count++] = ticks() - start;  // the first burst includes the start of the other process
  }
  table.over.store(1, std::memory_order_release);
  return 0;
}

int give_back(Table& table, int processor) {
  pin(processor);
  const u64 end_ns = os::monotonic_now_ns() + limit_ns;
  for (u64 ball = 1; wait_for(table, ball, end_ns); ball += 2) table.ball.store(ball + 1, std::memory_order_release);
  return 0;
}

std::string fact(int processor, const char* name) {
  std::string text;
  const std::string path = "/sys/devices/system/cpu/cpu" + std::to_string(processor) + "/" + name;
  if (os::read_small(path.c_str(), text) != 0) return "";
  return text.substr(0, text.find('\n'));
}

}  // namespace

RoundTrip measure_round_trip(const std::vector<int>& processors) {
  if (processors.size() < 2) return {};
  SharedWithChildren<Table> table;
  ns_per_tick();
  {
    Child back([&] { return give_back(*table, processors[0]); });
    Child server([&] { return serve(*table, processors[1]); });
    const u64 deadline_ns = os::monotonic_now_ns() + 2 * limit_ns;
    server.wait(deadline_ns);
    back.wait(deadline_ns);
  }
  if (table->count == 0) return {};
  std::sort(table->taken, table->taken + table->count);
  auto one = [](u64 burst) { return static_cast<double>(burst) * ns_per_tick() / passes; };
  return {one(table->taken[0]), one(table->taken[table->count / 2])};
}

std::string distance_text(const std::vector<int>& processors) {
  if (processors.size() < 2) return "one processor";
  const std::string names = std::to_string(processors[0]) + " and " + std::to_string(processors[1]) + ": ";
  auto same_fact = [&](const char* name) {
    const std::string first = fact(processors[0], name);
    return !first.empty() && first == fact(processors[1], name);
  };
  if (fact(processors[0], "topology/core_id").empty()) return names + "the system does not say how they lie";
  if (same_fact("topology/thread_siblings_list")) return names + "siblings, one core";
  if (!same_fact("topology/physical_package_id")) return names + "cores of different packages";
  if (same_fact("cache/index3/shared_cpu_list")) return names + "two cores with one cache of the third level";
  return names + "two cores of one package";
}

}  // namespace shmring::bench
