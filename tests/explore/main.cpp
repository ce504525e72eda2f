// The explorer: every interleaving of the ring's real code within bounds, or random ones, or one again.
//
// Exit status: 0 nothing found · 1 the promise was broken (trace and replay string on stdout) · 2 usage.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <sstream>
#include <string>

#include "tests/explore/plans.hpp"
#include "tests/explore/ring_roles.hpp"
#include "tests/explore/ring_trace.hpp"
#include "tests/support/mode.hpp"

using namespace explore;

namespace {

struct Options {
  Plan plan;
  Limits limits;
  bool weak = false;
  bool rows = false;  // print the table of rows
  Labels relax, weaken;
  bool random = false;
  u64 seed = 1;
  std::string replay;
  std::string words;  // as given, but for what is replayed
};

[[noreturn]] void usage(const char* what) {
  std::fprintf(stderr,
               "explore: %s\n"
               "usage: explore [--producers N] [--writes N] [--heirs N] [--entries N] [--slots N] [--lanes N]\n"
               "               [--policy drop|overwrite|wait] [--chunks N] [--too-big N] [--types 1] [--observers N]\n"
               "               [--removers 1] [--publications N] [--waits 1]\n"
               "               [--walk N] [--accounts-every N] [--preemptions N] [--kills N]\n"
               "               [--restarts N] [--cuts N] [--stale N] [--relax LABEL] [--weaken LABEL] [--steps N]\n"
               "               [--seconds N] [--executions N] [--no-merge] [--rows] [--random SEED | --replay STRING]\n"
               "--stale N: memory is weak, and at most N accesses do not see the newest message of their word (0: only data\n"
               "races differ). --relax LABEL, also several: a deliberate break, each access of that label is relaxed;\n"
               "--weaken LABEL: no longer seq_cst, but acquire and release.\n"
               "Without options, SHMRING_TEST_MODE (quick, check, long) decides.\n",
               what);
  std::exit(2);
}

unsigned long number(const char* name, const char* text, unsigned long most) {
  char* end = nullptr;
  const unsigned long value = text == nullptr ? most + 1 : std::strtoul(text, &end, 10);
  if (text == nullptr || end == text || *end != 0 || value > most)
    usage((std::string(name) + ": a number up to " + std::to_string(most)).c_str());
  return value;
}

shmring::ring::OnFull policy(const char* text) {
  const std::string name = text == nullptr ? "" : text;
  if (name != "drop" && name != "overwrite" && name != "wait") usage("--policy: drop, overwrite or wait");
  return name == "drop"   ? shmring::ring::OnFull::drop
         : name == "wait" ? shmring::ring::OnFull::wait
                          : shmring::ring::OnFull::overwrite;
}

bool parse_int(const char* name, const char* value, Options& options) {
  struct Flag {
    const char* name;
    int* where;
    int most;
  };
  const Flag flags[] = {{"--producers", &options.plan.producers, 3},
                        {"--writes", &options.plan.writes, 20},
                        {"--heirs", &options.plan.heirs, 3},
                        {"--too-big", &options.plan.too_big, 20},
                        {"--types", &options.plan.types, 1},
                        {"--observers", &options.plan.observers, 1},
                        {"--removers", &options.plan.removers, 1},
                        {"--waits", &options.plan.waits, 1},
                        {"--publications", &options.plan.publications, 7},
                        {"--accounts-every", &options.plan.accounts_every, 1000},
                        {"--preemptions", &options.limits.bounds.preemptions, 7},
                        {"--kills", &options.limits.bounds.kills, 7},
                        {"--restarts", &options.limits.bounds.restarts, 7},
                        {"--cuts", &options.limits.bounds.cuts, 7},
                        {"--stale", &options.limits.bounds.stale, 7},
                        {"--steps", &options.limits.steps, 1'000'000}};
  for (const Flag& flag : flags) {
    if (std::strcmp(name, flag.name) != 0) continue;
    *flag.where = static_cast<int>(number(name, value, static_cast<unsigned long>(flag.most)));
    options.weak |= flag.where == &options.limits.bounds.stale;
    return true;
  }
  const std::pair<const char*, u32*> sizes[] = {{"--entries", &options.plan.entries},
                                                {"--slots", &options.plan.slots},
                                                {"--lanes", &options.plan.lanes},
                                                {"--walk", &options.plan.walk},
                                                {"--chunks", &options.plan.chunks}};
  for (const auto& [flag, where] : sizes) {
    if (std::strcmp(name, flag) != 0) continue;
    *where = static_cast<u32>(number(name, value, 64));
    return true;
  }
  return false;
}

Options parse(const std::vector<std::string>& words) {
  Options options;
  options.limits.progress = true;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const char* name = words[i].c_str();
    const char* value = i + 1 < words.size() ? words[i + 1].c_str() : nullptr;
    if (std::strcmp(name, "--no-merge") == 0 || std::strcmp(name, "--rows") == 0) {
      (std::strcmp(name, "--rows") == 0 ? options.rows : options.limits.merge) ^= true;
      continue;
    }
    ++i;
    const std::string_view flag = name;
    const bool of_the_search = flag == "--replay" || flag == "--random" || flag == "--seconds" || flag == "--executions";
    if (!of_the_search && value != nullptr) options.words += " " + words[i - 1] + " " + words[i];
    if (std::strcmp(name, "--seconds") == 0)
      options.limits.seconds = static_cast<double>(number(name, value, 1'000'000));
    else if (std::strcmp(name, "--executions") == 0)
      options.limits.executions = number(name, value, ~0ul - 1);
    else if (std::strcmp(name, "--policy") == 0)
      options.plan.policy = policy(value);
    else if (std::strcmp(name, "--random") == 0)
      options.random = true, options.seed = number(name, value, ~0ul - 1);
    else if (std::strcmp(name, "--relax") == 0 && value != nullptr && label_of(value))
      options.weak = true, options.relax.set(static_cast<std::size_t>(*label_of(value)));
    else if (std::strcmp(name, "--weaken") == 0 && value != nullptr && label_of(value))
      options.weak = true, options.weaken.set(static_cast<std::size_t>(*label_of(value)));
    else if (std::strcmp(name, "--replay") == 0 && value != nullptr)
      options.replay = value;
    else if (!parse_int(name, value, options))
      usage((std::string("unknown option ") + name).c_str());
  }
  return options;
}

std::string text_of_bounds(const Options& options) {
  const Plan& plan = options.plan;
  const Bounds& b = options.limits.bounds;
  auto count = [](int n, const char* what) { return std::to_string(n) + ' ' + what + (n == 1 ? "" : "s"); };
  constexpr const char* policies[] = {"drop", "overwrite", "wait"};
  return policies[static_cast<int>(plan.policy)] + (", " + count(static_cast<int>(plan.slots), "slot")) + ", " +
         count(static_cast<int>(plan.lanes), "lane") + ", " + count(plan.producers, "producer") + " x " +
         count(plan.writes, "write") + (plan.chunks > 1 ? " of " + count(static_cast<int>(plan.chunks), "chunk") : "") + ", " +
         count(plan.heirs, "heir") + (plan.too_big > 0 ? ", one too big" : "") + (plan.types > 0 ? ", types" : "") +
         (plan.observers > 0 ? ", an observer" : "") + (plan.removers > 0 ? ", a remover" : "") +
         (plan.waits > 0 ? ", waits for the disk" : "") +
         (plan.publications > 0 ? ", " + count(plan.publications, "publication") : "") + "; " +
         count(b.preemptions, "preemption") + ", " + count(b.kills, "kill") + ", " + count(b.restarts, "collector restart") +
         ", " + count(b.cuts, "cut") + (options.weak ? "; weak memory, " + std::to_string(b.stale) + " stale" : "");
}

// 0 or 1, as the process ends.
int show_failure(const Options& options, const std::string& failure, const Path& path) {
  RingWorld world(options.plan);
  Scheduler scheduler(world, world.memory(), world.memory_bytes(), options.weak);
  scheduler.relax(options.relax, options.weaken);
  add_roles(scheduler, world);
  std::vector<Step> steps;
  const auto outcome = replay(scheduler, options.limits, path, &steps);
  print_trace(world, scheduler, steps);
  const bool failed = outcome == Scheduler::Outcome::failed;
  if (!failure.empty() && (!failed || scheduler.failure() != failure))
    std::printf("the replay differs from the execution: the explorer itself is at fault\n");
  std::printf("%s\n", failed ? ("FAILED: " + scheduler.failure()).c_str() : "nothing is wrong with this execution");
  std::printf("replay:%s --replay %s\n", options.words.c_str(), text_of(path).c_str());
  return failed ? 1 : 0;
}

Result search(const Options& options) {
  RingWorld world(options.plan);
  Scheduler scheduler(world, world.memory(), world.memory_bytes(), options.weak);
  scheduler.relax(options.relax, options.weaken);
  add_roles(scheduler, world);
  return options.random ? explore_random(scheduler, options.limits, options.seed) : explore_all(scheduler, options.limits);
}

// A failure is shown with as few stale accesses, and then as few preemptions, as it needs; unless that takes far longer to see
// than the failure took.
int show_least_failure(Options options, Result result) {
  Bounds& bounds = options.limits.bounds;
  options.limits.executions = 20'000 + 2 * result.executions;
  for (int* bound : {&bounds.stale, &bounds.preemptions}) {
    const int most = *bound;
    bool less = false;
    for (*bound = 0; !options.random && *bound < most && !less;) {
      Result fewer = search(options);
      less = fewer.failed;
      if (less)
        result = std::move(fewer);
      else
        ++*bound;
    }
    if (!less) *bound = most;
  }
  return show_failure(options, result.failure, result.path);
}

struct Sum {
  u64 executions = 0;
  double seconds = 0;
  int deepest = 0;
};

int explore_one(const Options& options, Sum& sum) {
  const auto start = std::chrono::steady_clock::now();
  const Result result = search(options);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%s %s: %llu executions (%llu cut at a known state), %zu states, %llu steps, deepest %d; %.1f s, %.0f a second\n",
              result.failed    ? "stopped in"
              : options.random ? "random"
              : result.whole   ? "all of"
                               : "part of",
              text_of_bounds(options).c_str(), static_cast<unsigned long long>(result.executions),
              static_cast<unsigned long long>(result.pruned), result.states, static_cast<unsigned long long>(result.steps),
              result.deepest, seconds, static_cast<double>(result.executions) / seconds);
  std::fflush(stdout);
  sum.seconds += seconds;
  sum.executions += result.executions;
  sum.deepest = std::max(sum.deepest, result.deepest);
  return result.failed ? show_least_failure(options, result) : 0;
}

// What SHMRING_TEST_MODE says.
int run_mode(const std::string& mode) {
  if (mode != "quick" && mode != "check" && mode != "long") usage("SHMRING_TEST_MODE is quick, check or long");
  Sum sum;
  const std::vector<std::string> plans = plans_of(mode);
  // Check explores a share of its plans, and each part of a long run one of all. Both explore the small plans, too: so they
  // take each row, whatever the share is.
  std::vector<std::string> mine = mode == "quick" ? std::vector<std::string>() : plans_of("quick");
  for (std::size_t i = 0; i < plans.size(); ++i)
    if (shmring::test::is_of_part(i) && shmring::test::is_of_share(i, 3)) mine.push_back(plans[i]);
  for (const std::string& plan : mine) {
    std::istringstream words(plan);
    Options options = parse({std::istream_iterator<std::string>(words), {}});
    if (const int failed = explore_one(options, sum)) return failed;
  }
  const int missing = Rows::print();
  std::printf(
      "REPORT %s: %llu executions of the real code in %zu explorations, %.0f a second, each exhaustive within its bounds or "
      "random from its seed; up to %d steps deep\n",
      mode.c_str(), static_cast<unsigned long long>(sum.executions), mine.size(),
      static_cast<double>(sum.executions) / sum.seconds, sum.deepest);
  std::printf("REPORT %s: %zu rows of the protocol, %d never taken\n", mode.c_str(), Rows::counts.size(), missing);
  std::printf("TRIED %llu executions\n", static_cast<unsigned long long>(sum.executions));
  if (missing > 0) std::printf("FAILED: a row of the protocol was never taken\n");
  return missing > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) {
    const char* mode = std::getenv("SHMRING_TEST_MODE");
    return run_mode(mode != nullptr ? mode : "check");
  }
  Options options = parse({argv + 1, argv + argc});
  if (!options.replay.empty()) {
    Path path;
    if (!parse_path(options.replay, path)) usage("--replay: not a replay string");
    return show_failure(options, "", path);
  }
  Sum sum;
  const int failed = explore_one(options, sum);
  if (options.rows) Rows::print();
  return failed;
}
