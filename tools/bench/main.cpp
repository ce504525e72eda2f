// shmring-bench, which `shmring bench` runs. It measures what a write costs and how many records arrive, for libshmring, the
// alternatives and the floors in the same run.
//
// Invariant: the options, or the rows to reach, determine a list of steps. Only run.hpp measures them.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "tools/bench/board.hpp"
#include "tools/bench/report.hpp"
#include "tools/bench/run.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/front.hpp"
#include "tools/common/text.hpp"

namespace shmring::tool {
namespace {

using namespace shmring::bench;

struct Options {
  std::string output = "text", reader = "both", picture;
  bool quick = false, check = false;
  u32 rounds = 0;  // 0: as many as fit
  std::vector<u32> bytes;
  std::vector<std::string> only, measures{"quiet", "live", "calls", "full", "rate", "collector"};
};

constexpr u32 usual_rounds = 9, quick_rounds = 2, check_rounds = 25;
// No round begins after these times, unless the caller gave the number of rounds.
constexpr u64 usual_limit_ns = 45'000'000'000, quick_limit_ns = 5'000'000'000, check_limit_ns = 220'000'000'000;
constexpr u64 usual_budget_ns = 40'000'000, quick_budget_ns = 20'000'000;  // of one measurement
constexpr u64 cold_budget_ns = 2'500'000'000;                              // three idle seconds
constexpr u64 collector_budget_ns = 250'000'000;  // of handoff, logged and idle, which sleep for milliseconds or fill a file

const std::vector<Contender>& all() {
  static const std::vector<Contender> all = contenders();
  return all;
}

bool listed(const std::vector<std::string>& list, const char* name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// Returns the jobs in the order of the tables. Rates, contention and a polite reader are measured with the first size only,
// since other sizes say little more.
std::vector<Job> jobs_of(const Options& options) {
  std::vector<Job> jobs;
  const std::vector<u32> sizes = options.bytes.empty() ? std::vector<u32>{64} : options.bytes;
  auto wanted = [&](const char* measure) { return listed(options.measures, measure); };
  for (const u32 bytes : sizes) {
    if (wanted("quiet")) jobs.push_back({Measure::quiet, bytes});
    if (wanted("live") && options.reader != "polite") jobs.push_back({Measure::live, bytes});
    if (wanted("live") && options.reader != "eager" && (bytes == sizes.front() || options.reader == "polite"))
      jobs.push_back({Measure::live, bytes, 1, 0, true});
    if (wanted("calls")) jobs.push_back({Measure::calls, bytes});
    if (wanted("full")) jobs.push_back({Measure::full, bytes}), jobs.push_back({Measure::overwrite, bytes});
    if (wanted("full") && bytes == sizes.front())
      jobs.push_back({Measure::wait, bytes}), jobs.push_back({Measure::hybrid, bytes});
    if (wanted("cold")) jobs.push_back({Measure::cold, bytes});
  }
  if (wanted("contended"))
    for (const u32 producers : {2, 4, 8}) jobs.push_back({Measure::live, sizes.front(), producers});
  if (wanted("rate"))
    for (const u32 producers : {1, 2, 4, 8}) jobs.push_back({Measure::rate, sizes.front(), producers});
  if (wanted("collector"))
    for (const Measure measure : collector_measures) jobs.push_back({measure, 64});
  if (wanted("seal"))
    for (const Measure measure : seal_measures) jobs.push_back({measure, 64});
  if (wanted("restart")) jobs.push_back({Measure::restart, 64}), jobs.push_back({Measure::reboot, 64});
  if (wanted("crowd"))
    jobs.insert(
        jobs.end(),
        {{Measure::attended, 64, most_producers}, {Measure::flood, 64, few_producers}, {Measure::flood, 64, most_producers}});
  return jobs;
}

// Only libshmring and the floors are measured with a full ring, and no kernel channel with a polite reader.
bool makes_sense(const Contender& contender, const Job& job) {
  const bool ours = contender.role == Role::libshmring, floor = contender.role == Role::floor;
  if (!contender.can(job)) return false;
  if (job.polite) return contender.role != Role::kernel;
  return !meets_full_ring(job.measure) || ours || floor;
}

std::vector<Step> steps_of(const Options& options) {
  std::vector<Step> steps;
  for (const Job& job : jobs_of(options))  // the outer loop, so that figures that are compared are measured close together
    for (const Contender& contender : all()) {
      const bool wanted = options.only.empty() ? contender.usual : listed(options.only, contender.name);
      if (wanted && makes_sense(contender, job)) steps.push_back({&contender, job});
    }
  return steps;
}

// Returns the steps that the rows to reach need, each once.
std::vector<Step> steps_of_rows(bool quick) {
  std::vector<Step> steps;
  auto need = [&](const char* transport, const Job& job) {
    const auto contender =
        std::find_if(all().begin(), all().end(), [&](const Contender& one) { return std::string(transport) == one.name; });
    const bool known = std::any_of(steps.begin(), steps.end(),
                                   [&](const Step& step) { return step.contender == &*contender && same(step.job, job); });
    if (!known && contender->can(job)) steps.push_back({&*contender, job});
  };
  for (const Row& row : rows_to_reach())
    for (const Subject& subject :
         {row.figure, row.reference, row.or_reference, row.or_bound, Subject{row.stand_in, row.figure.job, false}}) {
      if (subject.transport == nullptr) continue;
      if (quick && needs_big_log(subject.job.measure)) continue;  // some 14 GiB of log are made for these
      Job job = subject.job;
      need(subject.transport, job);
      job.polite = true;
      if (subject.cheaper) need(subject.transport, job);
    }
  std::stable_sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) { return a.job.measure < b.job.measure; });
  return steps;
}

void give_time(std::vector<Step>& steps, u64 budget_ns) {
  for (Step& step : steps) {
    const Measure measure = step.job.measure;
    const bool slow = measure == Measure::handoff || (measure >= Measure::logged && measure <= Measure::finished) ||
                      measure == Measure::written || measure == Measure::idle || measure == Measure::resting;
    step.job.budget_ns = measure == Measure::cold ? cold_budget_ns : slow ? collector_budget_ns : budget_ns;
    if (measure == Measure::finished) step.job.budget_ns *= 2;  // its beginning and its end are to weigh little
  }
}

Limits limits_of(const Options& options) {
  if (options.rounds != 0) return {options.rounds, ~u64{0}};
  if (options.quick) return {quick_rounds, quick_limit_ns};
  if (listed(options.measures, "cold")) return {1, usual_limit_ns};
  if (options.check) return {check_rounds, check_limit_ns};
  return {usual_rounds, usual_limit_ns};
}

// The file of the picture. It is opened before the measurements, so that an error is reported at once.
class Picture {
 public:
  explicit Picture(const std::string& path) : path_(path) {
    if (path_.empty()) return;
    errno = 0;
    file_.open(path_);
    check("open");
  }
  void write(const Report& report) {
    if (path_.empty()) return;
    errno = 0;
    file_ << svg(report) << std::flush;
    check("write");
  }

 private:
  void check(const char* what) const {
    if (!file_) throw std::runtime_error(fmt::format("cannot {} {}: {}", what, safe(path_), std::strerror(errno)));
  }
  std::string path_;
  std::ofstream file_;
};

int measure(const Options& options) {
  std::vector<Step> steps = options.check ? steps_of_rows(options.quick) : steps_of(options);
  if (steps.empty()) {
    complain("bench: none of these transports can do any of these measurements; choose others (--only, --measure)");
    return usage;
  }
  give_time(steps, options.quick ? quick_budget_ns : usual_budget_ns);
  Picture picture(options.picture);
  const Report report = run_steps(steps, limits_of(options));
  std::vector<Line> lines;
  if (options.check)
    for (const Row& row : rows_to_reach())
      for (Line& line : judge(row, report)) lines.push_back(std::move(line));
  if (options.output == "json") {
    print_json(report, lines);
  } else {
    print_text(report);
    if (options.check) print_lines(lines);
  }
  picture.write(report);
  return falls_short(lines) ? negative : ok;
}

int run(const Options& options) {
  stop_on_signals();
  try {
    return measure(options);
  } catch (const Interrupted&) {
    end_by_signal();
    return io;
  } catch (const std::system_error&) {
    throw;  // standard output cannot be written, which run_commands() reports
  } catch (const std::exception& error) {
    complain(fmt::format("bench: {}", error.what()));
    return io;
  }
}

constexpr u32 chunked_bytes = 8192;

std::string check_bytes(const std::string& text) {
  const unsigned long bytes = std::strtoul(text.c_str(), nullptr, 10);
  const bool good = bytes >= min_record && bytes <= chunked_bytes && bytes % 8 == 0;
  return good ? "" : text + " is not a multiple of 8 from 16 to 8192";
}

void add_options(Command command, Options& options) {
  std::vector<std::string> names;
  for (const Contender& contender : all()) names.push_back(contender.name);
  command.value("-o,--output", options.output, "text, or json: one document").choose({"text", "json"});
  command.flag("--quick", options.quick, "Shorter measurements and fewer rounds: about 10 s instead of 60");
  command.value("--rounds", options.rounds, "Number of rounds, however long they take").form("N").check(whole_number(1, 1000));
  const Option bytes =
      command.value("--bytes", options.bytes, "Sizes of the records in bytes (default 64); rates are measured with the first")
          .form("N,…")
          .comma_list()
          .check(check_bytes);
  const Option only =
      command.value("--only", options.only, fmt::format("Only these transports, of: {}", fmt::join(names, ", ")))
          .form("NAME,…")
          .comma_list()
          .check(one_of(names));
  const std::vector<std::string> all_measures{"quiet", "live",      "calls", "full",    "contended", "rate",
                                              "cold",  "collector", "crowd", "restart", "seal"};
  const Option measures =
      command
          .value("--measure", options.measures,
                 fmt::format("Only these measurements, of: {} (default: all but contended, cold, crowd, restart and seal)",
                             fmt::join(all_measures, ", ")))
          .form("NAME,…")
          .comma_list()
          .check(one_of(all_measures));
  const Option reader = command
                            .value("--reader", options.reader,
                                   "How the reader of live looks; both (the default): also polite, with the first size only")
                            .choose({"eager", "polite", "both"});
  command
      .flag("--check", options.check,
            "Measure what the figures to reach need, and judge those that 8 rounds saw; takes some 6 minutes, and for "
            "a while 14 GiB of disk; with --quick no big log is made")
      .excludes(bytes)
      .excludes(only)
      .excludes(measures)
      .excludes(reader);
  command.value("--svg", options.picture, "Write a picture (SVG), too").form("FILE");
}

void register_bench(Command program) {
  auto options = std::make_shared<Options>();
  Command command = program.add("bench", "Measure libshmring on this machine, beside its alternatives and bare rings");
  add_options(command, *options);
  command.footer(
      "bench makes rings and logs of its own, and removes them. Run it on a machine that does nothing else.\n\n"
      "Transports: floor is a slot ring for one writer, without any check, floor-timed the same with a time in each record "
      "(and "
      "floor-claim-timed); "
      "floor-shared is one for many writers, by "
      "fetch-and-add; floor-claim is one for many writers, by compare-and-swap on the slot, as a ring needs that survives a "
      "writer's death. bare: without time and tripwire. in-place: claim, fill, commit. A record of more than 1024 bytes is "
      "written in chunks. collector: how soon it has a record in hand, polling (-busy) or asleep; lines in the log, which lies "
      "in $TMPDIR or /tmp; what each stage takes; wake-ups when idle. floor-polled: how soon a polling reader of a bare "
      "ring has a record. encoder: a collector's lines, encoded; file-writes: the same lines, written to a file; "
      "encoded-writes: both, by one thread. "
      "crowd: what 8190 attached producers cost a collector. collector-interval, collector-every: it syncs its log; slow-disk: "
      "each "
      "sync takes 100 ms longer; file-syncs: the same lines written to a file and synced, 8 MiB or one line at a time. log-1g, "
      "log-10g: how soon a collector collects that finds such a log, which is made in $TMPDIR or /tmp. collector-sealed: it "
      "seals its "
      "log; tree: hashes of lines and their tree, alone; verify, -key, -key-two: a sealed log of 128 MiB is verified, on one "
      "core, with its keys, on two cores; sha256: its files are hashed; hashes-and-verify: its lines and tree are hashed, and "
      "it is verified without its keys; log-10m: a sealed log of 10 million lines, of which a line is proven, and which a "
      "collector finds after a crash.\n\n"
      "The json document has machine, rounds, memory, notes, check and figures. Each of the figures has transport, measure, "
      "unit, reader, bytes, writers, crowded, best, median, spread, rounds, attempted, delivered, dropped, calls (of single "
      "calls) and parts (of a sum).\n\n"
      "Exit status: 0 ok, 1 with --check: a figure was not reached or not measured, 2 usage, 7 memory, a file or a process "
      "could not be had, or a transport lost or changed a record.");
  command.run([options] { return run(*options); });
}

}  // namespace
}  // namespace shmring::tool

int main(int argc, char** argv) {
  using namespace shmring::tool;
  Front front;
  front.commands = {register_bench};
  return run_commands(argc, argv, front);
}
