// shmring log DIR: prints the lines of a log, for people or unchanged.
//
// Invariants:
//   - a line that is printed was parsed, so it is in canonical form and cannot harm a terminal. A line that does not parse is
//     never printed, whatever was asked for. It is named on stderr, and makes the exit status 5;
//   - following goes on behind the last line that was read, so nothing is left out or printed twice.
#include <fmt/format.h>

#include <cstdio>
#include <deque>
#include <iterator>
#include <memory>
#include <string>

#include "lib/log/files/cursor.hpp"
#include "lib/log/format/parse.hpp"
#include "lib/os/error.hpp"
#include "tools/common/say.hpp"
#include "tools/shmring/commands.hpp"
#include "tools/shmring/log_filter.hpp"

namespace shmring::tool {
namespace {

using log::Cursor;
using log::Kind;
using log::LogLine;
using log::Parsed;
using log::u64;

constexpr long poll_ns = 50'000'000;
constexpr u64 all_lines = ~0ull;

struct Options {
  std::string dir, output = "short";
  bool follow = false;
  u64 last = all_lines;
  LogFilter filter;
};

std::string by_cause(const log::Causes& causes) {
  std::string text;
  for (std::size_t i = 0; i < causes.count.size(); ++i) {
    if (causes.count[i] == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", log::name_of(static_cast<log::Cause>(i)), causes.count[i]);
  }
  return text;
}

void print_event(fmt::memory_buffer& out, const Parsed& line) {
  fmt::format_to(std::back_inserter(out), " {}/{} sev {} type {}", line.incarnation, line.first, line.severity, line.type);
  if (!line.correlation.empty()) fmt::format_to(std::back_inserter(out), " corr {}", line.correlation);
  fmt::format_to(std::back_inserter(out), " {}{}{}{}", line.data, line.truncated ? " [truncated]" : "",
                 line.late ? " [late]" : "", line.invalid ? " [invalid]" : "");
}

void print_accounts(fmt::memory_buffer& out, const Parsed& line) {
  std::size_t open = 0;
  for (const log::AccountState& account : line.accounts) open += account.open;
  fmt::format_to(std::back_inserter(out), "{} open, {} closed", open, line.accounts.size() - open);
}

// Prints a line in the form: date time kind producer incarnation/sequence …
void print_short(fmt::memory_buffer& out, const Parsed& line) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "{} {} {:<8} ", line.time.substr(0, 10), line.time.substr(11, 15), line.kind_name);
  if (log::has_producer(line.kind)) out.append(line.producer);
  const auto process = [&] {
    fmt::format_to(to, " {} pid {} uid {} lane {}", line.incarnation, line.pid, line.uid, line.lane);
  };
  switch (line.kind) {
    case Kind::event: print_event(out, line); break;
    case Kind::loss:
      fmt::format_to(to, " {}/{}-{} {} lost: {}", line.incarnation, line.first, line.last, line.count, by_cause(line.causes));
      break;
    case Kind::attach:
      process();
      fmt::format_to(to, " {}", line.exe);
      if (line.first > 0) fmt::format_to(to, " from {}", line.first);
      break;
    case Kind::detach:
    case Kind::died:
      process();
      fmt::format_to(to, " last {}, {} lost", line.last, line.causes.total());
      if (line.causes.total() > 0) fmt::format_to(to, ": {}", by_cause(line.causes));
      if (line.nested > 0) fmt::format_to(to, ", {} nested", line.nested);
      break;
    case Kind::accounts: print_accounts(out, line); break;
    case Kind::gone: fmt::format_to(to, " {} through {}, last unknown", line.incarnation, line.last); break;
    case Kind::note:
    case Kind::unknown: out.append(line.rest.substr(line.rest.empty() ? 0 : 1)); break;
  }
  out.push_back('\n');
}

class Printer {
 public:
  explicit Printer(const Options& options) : options_(options) {}

  int run() {
    Cursor log;
    if (const int error = log.open(options_.dir)) return complain(error);
    const bool some = options_.last != all_lines;
    if (some && !options_.filter.any()) {
      if (const int error = skip_to_last(log)) return complain(error);
    }
    holding_ = some && options_.filter.any();
    while (true) {
      int got;
      LogLine line;
      while ((got = log.next(line)) == 1) {
        print(line);
      }
      if (got < 0) return complain(got);
      holding_ = false;
      for (; !held_.empty(); held_.pop_front()) out_.append(held_.front());
      flush();
      write_out();
      if (!options_.follow) break;
      const timespec pause{0, poll_ns};
      os::calls.clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, nullptr);
    }
    return status_;
  }

 private:
  int complain(int error) {
    say("shmring: {}\n", os::last_error());
    return exit_of(error);
  }

  // Line indexes have no gaps, so the index of the last line gives the index of the first one to print.
  int skip_to_last(Cursor& log) {
    Cursor counter;
    if (const int error = counter.open(options_.dir)) return error;
    u64 end = counter.last_file().first_index;
    if (const int error = counter.seek(end)) return error;
    LogLine line;
    int got;
    while ((got = counter.next(line)) == 1) end = line.index + 1;
    if (got < 0) return got;
    return log.seek(end > options_.last ? end - options_.last : 0);
  }

  void print(const LogLine& line) {
    log::Mistake mistake{"its end", 0};
    if (!line.whole || !log::parse(line.text, parsed_, mistake)) {
      status_ = damaged;
      say("shmring: log {}/{}: line {} (byte {}) is damaged: expected {} at its byte {}; run `shmring verify {}`\n",
          options_.dir, line.file, line.number, line.byte, mistake.expected, mistake.offset, options_.dir);
      return;
    }
    if (!options_.filter.lets_through(parsed_)) return;
    if (options_.output == "json") {
      out_.append(line.text);
      out_.push_back('\n');
    } else {
      print_short(out_, parsed_);
    }
    if (holding_) {
      hold();
    } else if (out_.size() >= (64 << 10)) {
      flush();
    }
  }

  // Keeps the line in out_ as one of the last lines so far.
  void hold() {
    held_.emplace_back(out_.data(), out_.size());
    out_.clear();
    if (held_.size() > options_.last) held_.pop_front();
  }

  void flush() {
    fmt::print("{}", std::string_view(out_.data(), out_.size()));
    out_.clear();
  }

  const Options& options_;
  fmt::memory_buffer out_;
  Parsed parsed_;
  // With a filter, only the end of the log tells which lines are the last. They are held until then.
  bool holding_ = false;
  std::deque<std::string> held_;
  int status_ = ok;
};

void add_filter(Command command, LogFilter& filter, Option follow) {
  command.value("--kind", filter.kinds, "Only lines of this kind: event, loss, attach, incident …")
      .form("KIND")
      .one_each_time()
      .check(check_kind);
  command.value("--producer", filter.producers, "Only lines about the producer of this name").form("NAME").one_each_time();
  command.value("--type", filter.types, "Only events of this type: its name, or its number if it has none")
      .form("TYPE")
      .one_each_time();
  command.value("--corr", filter.correlation, "Only events with this correlation id, for instance a W3C trace id")
      .form("HEX")
      .transform(to_correlation);
  command.value("--since", filter.since, "Only lines of this time or later").form("TIME").transform(to_time);
  command.value("--until", filter.until, "Only lines of this time or earlier").form("TIME").transform(to_time).excludes(follow);
}

}  // namespace

void register_log(Command program) {
  auto options = std::make_shared<Options>();
  Command command = program.add("log", "Print the lines of a log");
  command.value("DIR", options->dir, "The directory that shmringd --log writes to").required();
  const auto follow = command.flag("-f,--follow", options->follow, "Follow the log as it grows, also into new files");
  command.value("-n,--lines", options->last, "Only the last N of the lines that match").form("N").check(whole_number(0));
  add_filter(command, options->filter, follow);
  command.value("-o,--output", options->output, "short: one readable line for each; json: the lines as they are in the log")
      .choose({"short", "json"});
  command.footer(
      "If --kind, --producer or --type is given several times, a line may match any of them; different options must all match. "
      "TIME is RFC 3339, a date (its midnight, UTC), or how long ago: 90s, 10m, 2h, 7d. Lines are printed in the order of the "
      "log: a late event may stand behind younger ones of other producers.\n"
      "Exit status: 0 ok, 2 usage, 3 no such log, 4 permission, 5 a line is damaged (it is named, not printed) or a file is "
      "not one of a log, 7 I/O.\n\n"
      "Example: shmring log /var/log/payments-audit -f --kind loss --kind incident --since 1h");
  command.run([options] { return Printer(*options).run(); });
}

}  // namespace shmring::tool
