// The text report. See report.hpp.
#include "tools/bench/board.hpp"
#include "tools/bench/report.hpp"
#include "tools/common/text.hpp"

namespace shmring::bench {
namespace {

std::string cell(const Figure* figure) {
  if (figure == nullptr) return "–";
  if (figure->median() == 0) return "none in time";
  const double unit = is_rate(unit_of(figure->job.measure)) ? 1e6 : 1;
  return fmt::format("{:.1f} / {:.1f} ±{:.0f}%", figure->best() / unit, figure->median() / unit, figure->spread() * 50);
}

// Returns the ratio to the floor for one writer, of the same run.
std::string ratio(const Report& report, const Figure* mine, const Job& job) {
  const Figure* floor = report.find("floor", job);
  const double times = mine != nullptr && floor != nullptr ? mine->times(*floor) : 0;
  return times != 0 ? fmt::format("{:.2f}", times) : "–";
}

std::string share_text(const Figure* figure, u64 Figure::*part) {
  if (figure == nullptr) return "–";
  const auto all = static_cast<double>(figure->attempted);
  return fmt::format("{:.1f}%", all == 0 ? 0.0 : 100.0 * static_cast<double>(figure->*part) / all);
}

bool shows_ratio(const Job& job) { return job.measure == Measure::live && job.producers == 1; }
bool shows_share(const Job& job) { return job.measure == Measure::live || job.measure == Measure::rate; }

std::string head(const Report& report, const Job& job) {
  constexpr const char* names[] = {"QUIET",       "LIVE",       "CALLS",        "RATE", "REFUSED WRITE",
                                   "OVERWRITING", "WAIT 50 µs", "HYBRID 50 µs", "COLD"};
  std::string text = fmt::format(">{} B ", job.bytes);
  if (job.measure == Measure::rate || job.producers > 1) {
    text += fmt::format("{} WRITER{}", job.producers, job.producers == 1 ? "" : "S");
  } else {
    text += names[static_cast<std::size_t>(job.measure)];
  }
  if (job.polite) text += " POLITE";
  return text + (report.crowded(job) ? " (CROWDED)" : "");
}

void print_table(const Report& report, const std::vector<Job>& jobs) {
  std::vector<std::string> heads{"TRANSPORT"};
  for (const Job& job : jobs) {
    heads.push_back(head(report, job));
    if (shows_ratio(job)) heads.push_back(">× FLOOR");
    if (shows_share(job)) heads.push_back(job.measure == Measure::rate ? ">DROPPED" : ">LEFT OUT");
  }
  tool::Table table(heads);
  for (const std::string& transport : report.transports) {
    std::vector<std::string> row{transport};
    bool any = false;
    for (const Job& job : jobs) {
      const Figure* figure = report.find(transport, job);
      any = any || figure != nullptr;
      row.push_back(cell(figure));
      if (shows_ratio(job)) row.push_back(ratio(report, figure, job));
      if (shows_share(job))
        row.push_back(share_text(figure, job.measure == Measure::rate ? &Figure::dropped : &Figure::left_out));
    }
    if (any) table.row(row);
  }
  table.print();
}

template <class Wanted>
bool print_section(const Report& report, const char* title, const Wanted& wanted) {
  const std::vector<Job> jobs = report.jobs(wanted);
  if (jobs.empty()) return false;
  fmt::print("\n{}\n", tool::bold(title));
  print_table(report, jobs);
  return true;
}

void print_calls(const Report& report, const Job& job) {
  fmt::print("\n{}\n", tool::bold(fmt::format("Nanoseconds of single calls, {} B, {}", job.bytes,
                                              job.measure == Measure::cold ? "after an idle second" : "drained live")));
  tool::Table table({"TRANSPORT", ">MIN", ">P50", ">P99", ">P99.9", ">P99.99", ">MAX", ">CALLS"});
  for (const std::string& transport : report.transports) {
    const Figure* figure = report.find(transport, job);
    if (figure == nullptr) continue;
    std::vector<std::string> row{transport};
    for (const double part : {0.0, 0.5, 0.99, 0.999, 0.9999, 1.0})
      row.push_back(figure->calls.count() == 0 ? "–" : fmt::format("{:.0f}", call_ns(figure->calls, part)));
    row.push_back(std::to_string(figure->calls.count()));
    table.row(row);
  }
  table.print();
}

constexpr u64 micro = 1000;

void print_hands(const Report& report, const Job& job) {
  fmt::print("\n{}\n", tool::bold(fmt::format("From write() into a collector's hands, {} B, µs", job.bytes)));
  tool::Table table({"COLLECTOR", ">MIN", ">P50", ">P99", ">MAX", ">RECORDS"});
  for (const Figure& figure : report.figures) {
    if (!same(figure.job, job)) continue;
    const bool is_floor = figure.transport == "floor-polled";
    std::vector<std::string> row{is_floor ? "bare ring" : figure.transport == "collector-busy" ? "polling" : "sleeping"};
    for (const double part : {0.0, 0.5, 0.99, 1.0}) row.push_back(fmt::format("{:.2f}", call_ns(figure.calls, part) / micro));
    row.push_back(std::to_string(figure.calls.count()));
    table.row(row);
  }
  table.print();
}

void print_parts(const Figure& figure) {
  std::vector<std::string> heads{""}, row{"ns a record"};
  for (const Figure::Series& part : figure.parts) {
    heads.push_back(">" + part.name);
    row.push_back(fmt::format("{:.1f}", median_of(part.rounds)));
  }
  heads.push_back(">all"), row.push_back(cell(&figure));
  tool::Table table(heads);
  table.row(row);
  fmt::print("\n{}\n", tool::bold("What a collector does with a record of 64 B, alone on a processor"));
  table.print();
}

// What is said of a figure of the log in one line; "" if it is said elsewhere.
std::string log_text(const Figure& figure) {
  const bool interval = figure.transport == "collector-interval", every = figure.transport == "collector-every";
  const bool syncs = figure.transport == "file-syncs", ten = figure.transport == "log-10g";
  const std::string value = cell(&figure);
  switch (figure.job.measure) {
    case Measure::logged:
      if (figure.transport == "encoded-writes")
        return fmt::format("alone    {} million lines a second encoded and written by one thread that does nothing else\n",
                           value);
      return fmt::format("logged   {} million records a second of one waiting writer, each in the log, as verify says{}\n",
                         value,
                         interval ? "; synced each 20 ms"
                         : every  ? "; synced all the time"
                                  : "");
    case Measure::beside:
      return fmt::format("beside   {} ns a write, of 64 at once, beside a collector that syncs its log each 20 ms{}\n", value,
                         interval ? "" : " and seals it");
    case Measure::finished:
      return fmt::format("finished {} million records a second, until the collector has ended{}\n", value,
                         interval ? "; synced each 20 ms" : "; sealed");
    case Measure::hashed: return fmt::format("hashed   {} million lines a second, and the tree over them\n", value);
    case Measure::encode: return fmt::format("encoded  {} million lines a second\n", value);
    case Measure::written:
      return fmt::format("written  {} million lines a second to a file, {}\n", value,
                         syncs ? "each 8 MiB synced before the next" : "as many at a time as a collector writes");
    case Measure::durable:
      return fmt::format(
          "durable  {:.2f} ms from {}\n", figure.median() / 1e6,
          syncs ? "a write to a file to the end of its sync" : "a write until its record is durable, one at a time");
    case Measure::syncing:
      return fmt::format("syncing  99.9 % of all calls take at most {:.0f} ns while a collector syncs{}\n", figure.median(),
                         every ? "" : " to a disk that is 100 ms slower");
    case Measure::attended:
      return fmt::format("{} idle producers: {:.2f} % of a processor\n", figure.job.producers, figure.median());
    case Measure::flood:
      return fmt::format("a flood of one among {} producers: {} ns of a processor a record\n", figure.job.producers, value);
    case Measure::idle:
      return fmt::format("idle     {} wake-ups a second, {:.2f} % of a processor\n", value,
                         figure.parts.empty() ? 0.0 : median_of(figure.parts.front().rounds));
    case Measure::restart:
    case Measure::reboot:
      if (figure.median() == 0) return fmt::format("a log of {} GiB was not made: its disk has no room\n", ten ? 10 : 1);
      return fmt::format("restart  {:.1f} ms until it collects, with a log of {} GiB{}\n", figure.median() / 1e6, ten ? 10 : 1,
                         figure.job.measure == Measure::reboot ? ", after a boot" : "");
    case Measure::verified:
      if (figure.median() == 0) return fmt::format("{}: no log was made, since its disk has no room\n", figure.transport);
      return fmt::format("{:.1f} ms for a sealed log of 128 MiB: {}\n", figure.median() / 1e6, figure.transport);
    case Measure::crash:
      if (figure.median() == 0) return "a log of 10 million lines was not made: its disk has no room\n";
      return fmt::format("crash    {:.1f} ms until it collects, with a sealed log of 10 million lines\n",
                         figure.median() / 1e6);
    case Measure::proved: return fmt::format("proved   one line of 10 million in {:.2f} ms\n", figure.median() / 1e6);
    case Measure::checked: return fmt::format("checked  that proof in {:.2f} ms\n", figure.median() / 1e6);
    case Measure::proof: return fmt::format("proof    {} bytes\n", value);
    default: return "";
  }
}

void print_collector(const Report& report) {
  for (const Job& job : report.jobs([](const Job& job) { return job.measure == Measure::handoff; })) print_hands(report, job);
  std::string text;
  for (const Figure& figure : report.figures) {
    if (figure.job.measure == Measure::stages) print_parts(figure);
    text += log_text(figure);
  }
  if (!text.empty()) fmt::print("\n{}\n{}", tool::bold("The collector, durability write where no other is said"), text);
}

// Describes the memory of a ring of 64-byte records.
std::string memory_text() {
  constexpr u64 slot = 128, ring = bench_slots * slot;
  return fmt::format("a slot of up to {} B: {} B; a producer: {} B, and in a lane of its own {} B and its slots, here {}",
                     slot - sizeof(ring::Slot), slot, sizeof(ring::Entry), sizeof(ring::Lane), tool::bytes_text(ring));
}

void print_head(const Report& report) {
  const Machine& machine = report.machine;
  fmt::print("processor  {}, {} usable\n", tool::safe(machine.processor), machine.processors);
  fmt::print("kernel     {}\ncompiler   {}\ncommit     {}\n", tool::safe(machine.kernel), machine.compiler, machine.commit);
  fmt::print("time       {}, {} rounds in {}; reading it takes {:.1f} ns\nplaces     {}\n", machine.time_source, report.rounds,
             tool::duration_text(report.took_ns), machine.timer_ns, machine.placement);
  fmt::print("distance   {}", machine.distance);
  if (const double median_ns = report.round_trip_ns(); median_ns != 0) {
    const RoundTrip &before = report.trips.front(), &after = report.trips.back();
    fmt::print("; a cache line there and back, best / median: {:.0f} / {:.0f} ns at first, {:.0f} / {:.0f} at last; {:.0f}{}",
               before.best_ns, before.median_ns, after.best_ns, after.median_ns, median_ns, median_ns > far_ns ? ": far" : "");
  }
  fmt::print("\nring       {} slots; separate processes; the reader checks every byte of every record\n", bench_slots);
  fmt::print("memory     {}\n", memory_text());
  for (const std::string& note : report.notes) fmt::print("note       {}\n", note);
}

}  // namespace

void print_text(const Report& report) {
  print_head(report);
  bool timed = false;
  std::vector<u32> sizes;
  for (const Figure& figure : report.figures)
    if (std::find(sizes.begin(), sizes.end(), figure.job.bytes) == sizes.end()) sizes.push_back(figure.job.bytes);
  for (const u32 bytes : sizes)
    timed |= print_section(report, "Nanoseconds a write: best / median of the rounds, ± half their range", [&](const Job& job) {
      const bool one_writer = job.measure == Measure::live && job.producers == 1;
      return job.bytes == bytes && (job.measure == Measure::quiet || one_writer);
    });
  timed |= print_section(report, "Nanoseconds a write, drained live, of several writers",
                         [](const Job& job) { return job.measure == Measure::live && job.producers > 1; });
  timed |= print_section(report, "Nanoseconds a write into a full ring that nobody drains",
                         [](const Job& job) { return meets_full_ring(job.measure); });
  if (timed)
    fmt::print(
        "quiet: nobody drains the ring while it is written. live: it is drained at once. polite: a reader that found\n"
        "nothing looks again after 64 pauses. Timed are the batches after the first lap, except those that met a full\n"
        "ring, those that left the reader of one writer more than a 16th of the ring behind (LEFT OUT: their share of all\n"
        "writes), and those in which the kernel gave the processor to others. crowded: more processes than processors.\n"
        "wait, hybrid: how long a write takes that waited its 50 µs without success.\n");
  const auto calls = report.jobs([](const Job& job) { return times_calls(job.measure); });
  for (const Job& job : calls) print_calls(report, job);
  if (!calls.empty())
    fmt::print("Subtracted from each: the timer's own {:.1f} ns, the median of reads one after the other.\n",
               report.machine.timer_ns);
  print_section(report, "Million records a second: delivered and checked; what was refused is dropped",
                [](const Job& job) { return job.measure == Measure::rate; });
  print_collector(report);
}

void print_lines(const std::vector<Line>& lines) {
  fmt::print("\n{}\n", tool::bold("The figures to reach"));
  tool::Table table({"WHAT", "CORES", ">FIGURE", ">BOUND", ">× BOUND", "VERDICT", ""});
  for (const Line& line : lines)
    table.row({line.what, cores_name(line.cores), value_text(line.unit, line.figure),
               (line.at_least ? "≥ " : "≤ ") + value_text(line.unit, line.bound),
               line.of_bound != 0 ? fmt::format("{:.3f}", line.of_bound) : "–", verdict_name(line.verdict), line.reason});
  table.print();
  fmt::print("Figure and bound are medians of the rounds; × bound, which decides, is the median of each round's own.\n");
}

}  // namespace shmring::bench
