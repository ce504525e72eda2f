// shmring verify DIR: proves that a log is whole, or names the first place where it is not.
//
// Invariant: the command says what was proven, and also what was not looked at. The exit status tells whether the log was
// proven.
#include "lib/log/files/verify.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "lib/os/error.hpp"
#include "tools/common/say.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/commands.hpp"

namespace shmring::tool {
namespace {

using log::Causes;
using log::Verdict;

struct Options {
  std::string dir, output = "text";
  bool no_loss = false;
};

std::string by_cause(const Causes& causes, const char* form, const char* between) {
  std::string text;
  for (std::size_t i = 0; i < causes.count.size(); ++i) {
    if (causes.count[i] == 0) continue;
    if (!text.empty()) text += between;
    text += fmt::format(fmt::runtime(form), log::name_of(static_cast<log::Cause>(i)), causes.count[i]);
  }
  return text;
}

const char* plural(log::u64 count) { return count == 1 ? "" : "s"; }

// Returns one sentence for each thing that was not checked.
std::vector<std::string> not_checked(const Verdict& v) {
  std::vector<std::string> out{"what the records say: this log has no seal, so a changed payload, time or type is not noticed"};
  if (v.first_index > 0)
    out.push_back(fmt::format("what came before index {}: it was removed, and a retain line says so", v.first_index));
  for (const log::Overlap& overlap : v.not_explained)
    out.push_back(
        fmt::format("{} from line {} on: not yet explained; a later file begins with index {}, and no incident says why",
                    overlap.file.name, overlap.line, overlap.file.end));
  out.push_back(v.torn_bytes == 0 ? std::string("whether lines were cut off the end")
                                  : fmt::format("the end: {} byte{} behind the last whole line of {}, being written or torn",
                                                v.torn_bytes, plural(v.torn_bytes), v.last_file));
  if (v.not_understood > 0)
    out.push_back(fmt::format("{} line{} not understood, of a kind that a later version has added", v.not_understood,
                              plural(v.not_understood)));
  if (v.open > 0)
    out.push_back(fmt::format("{} open account{}: what {} attempted after the last line is not in this log yet", v.open,
                              plural(v.open), v.open == 1 ? "it" : "they"));
  return out;
}

// Returns what --no-loss finds, one sentence each.
std::vector<std::string> losses(const Verdict& v) {
  std::vector<std::string> out;
  if (const log::u64 lost = v.lost.total(); lost > 0)
    out.push_back(fmt::format("{} sequence{} lost", lost, lost == 1 ? " was" : "s were"));
  if (v.nested > 0) out.push_back(fmt::format("{} write{} took no sequence", v.nested, plural(v.nested)));
  if (v.gone > 0)
    out.push_back(fmt::format("{} account{} gone: what was attempted after the last line is not known", v.gone,
                              v.gone == 1 ? " is" : "s are"));
  return out;
}

void print_proof(const Options& options, const Verdict& v) {
  fmt::print("ring {}: {} line{} in {} file{}, index {} to {} without a hole\n", v.ring, v.lines, plural(v.lines), v.files,
             plural(v.files), v.first_index, v.last_index);
  const log::u64 lost = v.lost.total();
  const std::string causes = lost == 0 ? "" : fmt::format(" ({})", by_cause(v.lost, "{} {}", ", "));
  fmt::print("{} attempted = {} logged + {} lost{}: each sequence exactly once, in order\n", v.events + lost, v.events, lost,
             causes);
  if (v.nested > 0)
    fmt::print(
        "{} more write{} refused without a sequence, made inside another call of the same handle: by a signal handler, or by "
        "several threads that share a handle\n",
        v.nested, v.nested == 1 ? " was" : "s were");
  fmt::print("accounts: {} closed, {} open, {} gone\n", v.closed, v.open, v.gone);
  for (const std::string& what : not_checked(v)) fmt::print("not checked: {}\n", what);
  if (!options.no_loss) return;
  for (const std::string& what : losses(v)) fmt::print("--no-loss: {}\n", what);
}

void print_deviation(const Options& options, const Verdict& v) {
  const log::Deviation& d = v.deviation;
  fmt::print("{}/{}: line {} (byte {}) deviates\n", options.dir, d.file, d.line, d.byte);
  if (d.incarnation != 0) fmt::print("  incarnation {}, sequence {}\n", d.incarnation, d.sequence);
  fmt::print("  expected: {}\n  found:    {}\n", d.expected, d.found);
  fmt::print("  the {} line{} before it hold\n", v.lines, plural(v.lines));
}

std::string deviation_json(const log::Deviation& d) {
  return Json()
      .string("file", d.file)
      .number("line", d.line)
      .number("byte", d.byte)
      .number("inc", d.incarnation)
      .number("seq", d.sequence)
      .string("expected", d.expected)
      .string("found", d.found)
      .text();
}

void print_json(const Verdict& v) {
  Json causes, accounts, json;
  for (std::size_t i = 0; i < v.lost.count.size(); ++i)
    if (v.lost.count[i] != 0) causes.number(log::name_of(static_cast<log::Cause>(i)), v.lost.count[i]);
  accounts.number("closed", v.closed).number("open", v.open).number("gone", v.gone);
  std::vector<std::string> unchecked;
  for (const std::string& what : not_checked(v)) unchecked.push_back(in_quotes(what));
  json.number("v", 1).boolean("proven", v.proven).raw("ring", "\"" + v.ring + "\"");  // as it stands in the log: escaped
  json.number("files", v.files).number("lines", v.lines);
  json.number("first_index", v.first_index).number("last_index", v.last_index);
  json.number("attempted", v.events + v.lost.total()).number("logged", v.events).number("lost", v.lost.total());
  json.raw("causes", causes.text()).number("late", v.late).number("truncated", v.truncated);
  json.raw("accounts", accounts.text()).number("torn_bytes", v.torn_bytes).number("nested", v.nested);
  json.number("not_understood", v.not_understood).raw("not_checked", json_array(unchecked));
  if (!v.proven) json.raw("deviation", deviation_json(v.deviation));
  json.print();
}

int run(const Options& options) {
  Verdict verdict;
  if (const int error = log::verify(options.dir, verdict)) {
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
  if (!verdict.proven) return verdict.readable ? negative : damaged;
  return options.no_loss && !losses(verdict).empty() ? negative : ok;
}

}  // namespace

void register_verify(Command program) {
  auto options = std::make_shared<Options>();
  Command command = program.add(
      "verify", "Prove that a log is whole: index without a hole, every sequence exactly once, as an event or a loss");
  command.value("DIR", options->dir, "The directory that shmringd --log writes to").required();
  command.flag("--no-loss", options->no_loss,
               "Also fail if a sequence was lost, a call was nested (it took no sequence), or an account is gone");
  command.value("-o,--output", options->output, "text, or json: one object").choose({"text", "json"});
  command.footer(
      "Exit status: 0 proven, 1 a deviation, or with --no-loss a loss, 3 no such log, 4 permission, 5 not an audit log at all, "
      "7 I/O.");
  command.run([options] { return run(*options); });
}

}  // namespace shmring::tool
