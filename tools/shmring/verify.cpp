// shmring verify DIR: proves that a log is whole, or names the first place where it is not.
//
// Invariant: three lines say what was proven, and nothing that was not; the exit status says which of the two it is.
#include "lib/audit/verify.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>

#include "lib/audit/json.hpp"
#include "lib/os/error.hpp"
#include "tools/common/say.hpp"
#include "tools/shmring/commands.hpp"

namespace shmring::tool {
namespace {

using audit::Causes;
using audit::Verdict;

struct Options {
  std::string dir, output = "text";
};

std::string by_cause(const Causes& causes, const char* form, const char* between) {
  std::string text;
  for (std::size_t i = 0; i < causes.count.size(); ++i) {
    if (causes.count[i] == 0) continue;
    if (!text.empty()) text += between;
    text += fmt::format(fmt::runtime(form), audit::name_of(static_cast<audit::Cause>(i)), causes.count[i]);
  }
  return text;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  audit::append_escaped(out, text);
  return out + "\"";
}

const char* plural(audit::u64 count) { return count == 1 ? "" : "s"; }

void print_proof(const Options& options, const Verdict& v) {
  const std::string before =
      v.first_index == 0 ? "" : fmt::format(" (what came before index {} is not in this directory)", v.first_index);
  fmt::print("ring {}: {} line{} in {} file{}, index {} to {} without a hole{}\n", v.ring, v.lines, plural(v.lines),
             v.files, plural(v.files), v.first_index, v.last_index, before);
  const audit::u64 lost = v.lost.total();
  const std::string causes = lost == 0 ? "" : fmt::format(" ({})", by_cause(v.lost, "{} {}", ", "));
  fmt::print("{} attempted = {} logged + {} lost{}: each sequence exactly once, in order\n", v.events + lost, v.events,
             lost, causes);
  fmt::print("accounts: {} closed, {} open, {} gone\n", v.closed, v.open, v.gone);
  if (v.torn_bytes == 0) return;
  say("shmring: log {}/{}: {} byte{} behind the last whole line: a line being written, or torn; not part of the proof\n",
      options.dir, v.last_file, v.torn_bytes, plural(v.torn_bytes));
}

void print_deviation(const Options& options, const Verdict& v) {
  const audit::Deviation& d = v.deviation;
  fmt::print("{}/{}: line {} (byte {}) deviates\n", options.dir, d.file, d.line, d.byte);
  if (d.incarnation != 0) fmt::print("  incarnation {}, sequence {}\n", d.incarnation, d.sequence);
  fmt::print("  expected: {}\n  found:    {}\n", d.expected, d.found);
  fmt::print("  the {} line{} before it hold\n", v.lines, plural(v.lines));
}

void print_json(const Verdict& v) {
  fmt::print("{{\"v\":1,\"proven\":{},\"ring\":\"{}\",\"files\":{},\"lines\":{},\"first_index\":{},\"last_index\":{}",
             v.proven, v.ring, v.files, v.lines, v.first_index, v.last_index);
  fmt::print(",\"attempted\":{},\"logged\":{},\"lost\":{},\"causes\":{{{}}},\"late\":{},\"truncated\":{}",
             v.events + v.lost.total(), v.events, v.lost.total(), by_cause(v.lost, "\"{}\":{}", ","), v.late,
             v.truncated);
  fmt::print(",\"accounts\":{{\"closed\":{},\"open\":{},\"gone\":{}}},\"torn_bytes\":{}", v.closed, v.open, v.gone,
             v.torn_bytes);
  if (!v.proven) {
    const audit::Deviation& d = v.deviation;
    fmt::print(
        ",\"deviation\":{{\"file\":{},\"line\":{},\"byte\":{},\"inc\":{},\"seq\":{},\"expected\":{},\"found\":{}}}",
        json_string(d.file), d.line, d.byte, d.incarnation, d.sequence, json_string(d.expected), json_string(d.found));
  }
  fmt::print("}}\n");
}

int run(const Options& options) {
  Verdict verdict;
  if (const int error = audit::verify(options.dir, verdict)) {
    say("shmring: {}\n", os::last_error());
    return exit_of(error);
  }
  if (options.output == "json") {
    print_json(verdict);
  } else if (verdict.proven) {
    print_proof(options, verdict);
  } else {
    print_deviation(options, verdict);
  }
  write_out();
  return verdict.proven ? ok : verdict.readable ? negative : damaged;
}

}  // namespace

void register_verify(CLI::App& app, int& status) {
  auto options = std::make_shared<Options>();
  CLI::App* const command = app.add_subcommand(
      "verify", "Prove that a log is whole: index without a hole, every sequence exactly once, as an event or a loss");
  command->add_option("DIR", options->dir, "The directory that shmringd --log writes to")->required();
  choose(command->add_option("-o,--output", options->output, "text, or json: one object"), {"text", "json"});
  command->footer(
      "Exit status: 0 proven, 1 a deviation, 3 no such log, 4 permission, 5 not an audit log at all, 7 I/O.");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace shmring::tool
