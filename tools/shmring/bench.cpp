// shmring bench: what a write costs, and how many records arrive, beside the alternatives and the floors, in one run.
//
// Invariant: every transport has its turn in each round, so that what disturbs the machine disturbs them alike.
#include <algorithm>
#include <functional>
#include <memory>

#include "tools/common/exit.hpp"
#include "tools/shmring/bench/floors.hpp"
#include "tools/shmring/bench/locked_ring.hpp"
#include "tools/shmring/bench/lockfree_queue.hpp"
#include "tools/shmring/bench/message_queue.hpp"
#include "tools/shmring/bench/report.hpp"
#include "tools/shmring/bench/shmring_lanes.hpp"
#include "tools/shmring/commands.hpp"
#include "tools/shmring/text.hpp"

namespace shmring::tool {
namespace {

using namespace shmring::bench;

struct Options {
  std::string output = "text";
  bool quick = false;
  u32 rounds = 0;  // 0: as many as fit
  std::vector<u32> bytes{64, 256};
  std::vector<std::string> only;
};

constexpr u32 usual_rounds = 9, quick_rounds = 2;
// After these no further round begins, unless the caller has said how many he wants.
constexpr u64 usual_limit_ns = 45'000'000'000, quick_limit_ns = 6'000'000'000;
constexpr u64 usual_budget_ns = 50'000'000, quick_budget_ns = 30'000'000;  // of one measurement

struct Contender {
  const char* name;
  Role role;
  u32 max_producers;
  std::function<Round(const Job&)> run;
};

template <Transport T>
Contender contender() {
  return {T::name, T::role, T::max_producers, [](const Job& job) { return Measurement<T>(job).run(); }};
}

// Its records have a size that is compiled in: the next larger one.
Round run_lockfree(const Job& job) {
  if (job.bytes <= 64) return Measurement<LockfreeQueue<bench_slots, 64>>(job).run();
  if (job.bytes <= 256) return Measurement<LockfreeQueue<bench_slots, 256>>(job).run();
  return Measurement<LockfreeQueue<bench_slots, 1024>>(job).run();
}

std::vector<Contender> contenders() {
  using Lockfree = LockfreeQueue<bench_slots, 64>;
  return {contender<SingleFloor>(),
          contender<SharedFloor>(),
          contender<ExclusiveLane>(),
          contender<SharedLane>(),
          {Lockfree::name, Lockfree::role, Lockfree::max_producers, run_lockfree},
          contender<RobustMutexRing>(),
          contender<ReaderWriterLockRing>(),
          contender<MessageQueue>()};
}

std::vector<Job> jobs_of(const Options& options) {
  const u64 budget_ns = options.quick ? quick_budget_ns : usual_budget_ns;
  std::vector<Job> jobs;
  for (const u32 bytes : options.bytes)
    for (const Measure measure : {Measure::quiet, Measure::live}) jobs.push_back({measure, bytes, 1, budget_ns});
  for (const u32 producers : {1, 2, 4}) jobs.push_back({Measure::rate, options.bytes.front(), producers, budget_ns});
  return jobs;
}

void measure(const Contender& contender, const Job& job, Report& report) {
  if (job.producers > contender.max_producers) return;
  Round round;
  try {
    round = contender.run(job);
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}: {}", contender.name, error.what()));
  }
  Figure* figure = report.find(contender.name, job);
  if (figure == nullptr) figure = &report.figures.emplace_back(Figure{contender.name, contender.role, job, {}, 0, 0});
  figure->rounds.push_back(round.figure);
  figure->delivered += round.delivered;
  figure->dropped += round.dropped;
}

Report run_rounds(const Options& options) {
  Report report;
  report.machine = this_machine();
  std::vector<Contender> running;
  for (Contender& contender : contenders()) {
    const bool wanted =
        options.only.empty() || std::find(options.only.begin(), options.only.end(), contender.name) != options.only.end();
    if (wanted) report.transports.push_back(contender.name), running.push_back(std::move(contender));
  }
  const std::vector<Job> jobs = jobs_of(options);
  const u32 rounds = options.rounds != 0 ? options.rounds : options.quick ? quick_rounds : usual_rounds;
  const u64 limit_ns = options.rounds != 0 ? ~u64{0} : options.quick ? quick_limit_ns : usual_limit_ns;
  const u64 start_ns = os::monotonic_now_ns();
  ns_per_tick();  // before the first child, which inherits it
  while (report.rounds < rounds && os::monotonic_now_ns() - start_ns < limit_ns) {
    for (const Job& job : jobs)  // side by side in time: a round's figures are compared with each other
      for (const Contender& contender : running) measure(contender, job, report);
    ++report.rounds;
  }
  report.took_ns = os::monotonic_now_ns() - start_ns;
  return report;
}

int run(const Options& options) {
  stop_on_signals();
  try {
    Report report = run_rounds(options);
    options.output == "json" ? print_json(report) : print_text(report);
    return ok;
  } catch (const Interrupted&) {
    end_by_signal();
    return io;
  } catch (const std::system_error&) {
    throw;  // standard output
  } catch (const std::exception& error) {
    complain(fmt::format("bench: {}", error.what()));
    return io;
  }
}

std::string check_bytes(const std::string& text) {
  const unsigned long bytes = std::strtoul(text.c_str(), nullptr, 10);
  return bytes >= min_record && bytes <= 1024 && bytes % 8 == 0 ? "" : text + " is no multiple of 8 from 16 to 1024";
}

}  // namespace

void register_bench(CLI::App& app, int& status) {
  auto options = std::make_shared<Options>();
  std::vector<std::string> names;
  for (const Contender& contender : contenders()) names.push_back(contender.name);
  CLI::App* const command =
      app.add_subcommand("bench", "Measure this machine: libshmring beside its alternatives and bare floors");
  command->add_option("-o,--output", options->output, "text, or json: one document")->check(CLI::IsMember({"text", "json"}));
  command->add_flag("--quick", options->quick, "Shorter measurements, fewer rounds: 10 s at most, instead of 60");
  command->add_option("--rounds", options->rounds, "So many rounds, however long it takes")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  command->add_option("--bytes", options->bytes, "Sizes of the records (default 64,256); rates are of the first")
      ->type_name("N,…")
      ->delimiter(',')
      ->check(check_bytes);
  command->add_option("--only", options->only, "These transports only")
      ->type_name("NAME…")
      ->delimiter(',')
      ->check(CLI::IsMember(names));
  command->footer(
      "It makes rings of its own and removes them; run it on a machine that does nothing else. floor: a slot ring for\n"
      "one writer, without any check; floor-shared: one for many, by fetch-and-add. Exit status: 0 ok, 2 usage,\n"
      "7 no memory or process to be had, or a transport lost or changed a record.");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace shmring::tool
