// shmring log DIR: prints the lines of a log, for people or unchanged.
//
// Invariants:
//   - a line that is printed was parsed, so it is in canonical form and cannot harm a terminal. A line that does not parse is
//     never printed, whatever was asked for. It is named on stderr, and makes the exit status 5;
//   - following goes on behind the last line that was read, so nothing is left out or printed twice.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

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
constexpr u64 all_lines = ~0ull, none = ~0ull;
constexpr u64 piece_lines = 4096;  // about a megabyte
constexpr int most_tries = 8;      // of a log whose files are removed while they are read

struct Options {
  std::string dir, output = "short";
  bool follow = false;
  u64 last = all_lines, after_index = none;
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
    u64 end = log::no_end;
    int error = begin(end);
    for (int tries = 1; error == -ENOENT && tries < most_tries; ++tries) {  // the file in which to begin was removed meanwhile
      log_ = {};
      error = begin(end);
    }
    if (error != 0) return complain(error);
    while (true) {
      if (error = print_to(end); error != 0) return complain(error);
      flush();
      write_out();
      if (!options_.follow) return status_;
      const timespec pause{0, poll_ns};
      os::calls.clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, nullptr);
      if (log_.is_replaced()) take_new_log();
    }
  }

 private:
  int complain(int error) {
    say("shmring: {}\n", os::last_error());
    return exit_of(error);
  }

  int begin(u64& end) {
    u64 first = 0;
    end = log::no_end;
    int error = log_.open(options_.dir);
    if (error == 0) error = find_range(first, end);
    if (error != 0) return error;
    return options_.last == all_lines ? seek(first) : print_last(std::max(first, log_.first_index()), end);
  }

  int seek(u64 first) { return first > 0 ? log_.seek(first) : 0; }

  // Narrows the range of indexes to what the options can let through.
  int find_range(u64& first, u64& end) {
    const log::Search search = log_.search();
    if (!options_.filter.since.empty())
      if (const int error = search.since(options_.filter.since, first)) return error;
    if (!options_.filter.until.empty())
      if (const int error = search.until(options_.filter.until, end)) return error;
    if (options_.after_index != none) first = std::max(first, options_.after_index + 1);
    return 0;
  }

  int print_to(u64 end) {
    LogLine line;
    int got;
    while ((got = log_.next(line)) == 1 && line.index < end) print(line);
    return std::min(got, 0);
  }

  // Prints the last lines of a range. It reads backward, by pieces that grow, and each of them forward. What came meanwhile
  // follows it.
  int print_last(u64 first, u64& end) {
    u64 last = 0;
    if (const int error = log_.search().end(last)) return error;
    last = std::min(last, end);
    std::deque<std::string> found;
    u64 piece = options_.filter.any() ? piece_lines : options_.last;
    for (u64 to = last; to > first && found.size() < options_.last; piece *= 2) {
      const u64 from = to - std::min(piece, to - first);
      std::deque<std::string> before;
      if (const int error = collect(from, to, options_.last - found.size(), before)) return error;
      found.insert(found.begin(), std::make_move_iterator(before.begin()), std::make_move_iterator(before.end()));
      to = from;
    }
    for (const std::string& text : found) out_.append(text);
    if (!options_.follow) end = last;
    return log_.seek(std::max(first, last));
  }

  // Keeps the last matching lines from `from` to before `to`, as they are printed.
  int collect(u64 from, u64 to, u64 most, std::deque<std::string>& out) {
    if (const int error = log_.seek(from)) return error;
    held_ = &out;
    most_held_ = most;
    const int error = print_to(to);
    held_ = nullptr;
    return error;
  }

  void take_new_log() {
    Cursor log;
    if (log.open(options_.dir) != 0) return;  // its first file is yet to come
    say("shmring: log {}: it was begun anew in the same place; what follows is the new log from its beginning\n", options_.dir);
    log_ = std::move(log);
  }

  void print(const LogLine& line) {
    if (line.missing > 0)
      say("shmring: log {}: the lines with the indexes {} to {} are not there: they were removed before they could be read, or "
          "a "
          "file is missing; `shmring verify {}` says which\n",
          options_.dir, line.index - line.missing, line.index - 1, options_.dir);
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
    if (held_ != nullptr) {
      hold();
    } else if (out_.size() >= (64 << 10)) {
      flush();
    }
  }

  // Keeps the line in out_ as one of the last lines so far.
  void hold() {
    held_->emplace_back(out_.data(), out_.size());
    out_.clear();
    if (held_->size() > most_held_) held_->pop_front();
  }

  void flush() {
    fmt::print("{}", std::string_view(out_.data(), out_.size()));
    out_.clear();
  }

  const Options& options_;
  Cursor log_;
  fmt::memory_buffer out_;
  Parsed parsed_;
  std::deque<std::string>* held_ = nullptr;  // where lines go that are among the last ones so far
  u64 most_held_ = 0;
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
  command.value("--after-index", options->after_index, "Only lines behind the one of this index: where an earlier run ended")
      .form("N")
      .check(whole_number(0));
  add_filter(command, options->filter, follow);
  command.value("-o,--output", options->output, "short: one readable line for each; json: the lines as they are in the log")
      .choose({"short", "json"});
  command.footer(
      "If --kind, --producer or --type is given several times, a line may match any of them; different options must all match. "
      "TIME is RFC 3339, a date (its midnight, UTC), or how long ago: 90s, 10m, 2h, 7d. Lines are printed in the order of the "
      "log: a late event may stand behind younger ones of other producers. An event that came into the log more than an hour "
      "after its write, for instance after an outage, may be missing with --until.\n"
      "Exit status: 0 ok, 2 usage, 3 no such log, 4 permission, 5 a line is damaged (it is named, not printed) or a file is "
      "not one of a log, 7 I/O.\n\n"
      "Example: shmring log /var/log/payments-audit -f --kind loss --kind incident --since 1h");
  command.run([options] { return Printer(*options).run(); });
}

}  // namespace shmring::tool
