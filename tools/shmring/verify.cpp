// shmring verify DIR: proves that a log is whole, or names the first place where it is not. With --key it also proves that
// the log is what was signed; with --proof it needs no log.
//
// Invariant: the command says what was proven, and also what was not looked at. The exit status tells whether the log was
// proven.
#include "lib/log/files/verify.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "lib/os/error.hpp"
#include "lib/os/file.hpp"
#include "tools/common/say.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/commands.hpp"
#include "tools/shmring/seal_input.hpp"
#include "tools/shmring/verify.hpp"

namespace shmring::tool {
namespace {

using log::Causes;
using log::Verdict;

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

// Returns one sentence for each thing that was not checked. `audit`: with the seal; else nullptr.
std::vector<std::string> not_checked(const Verdict& v, const log::Audit* audit) {
  std::vector<std::string> out;
  if (audit == nullptr && v.sealed) {
    out.push_back("what the records say: give --key, and the seal of this log shows a changed payload, time or type");
  } else if (audit == nullptr) {
    out.push_back("what the records say: this log has no seal, so a changed payload, time or type is not noticed");
  } else {
    out.push_back("what whoever has the keys has rewritten since a checkpoint was kept elsewhere (--checkpoint)");
  }
  if (audit != nullptr && audit->base > v.first_index)
    out.push_back(fmt::format("what the records before index {} say, where the seal begins", audit->base));
  if (v.first_index > 0)
    out.push_back(fmt::format("what came before index {}: it was removed, and a retain line says so", v.first_index));
  for (const log::Overlap& overlap : v.not_explained)
    out.push_back(
        fmt::format("{} from line {} on: not yet explained; a later file begins with index {}, and no incident says why",
                    overlap.file.name, overlap.line, overlap.file.end));
  if (audit == nullptr || v.torn_bytes > 0)
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

void print_proof(const VerifyOptions& options, const Verdict& v, const log::Audit* audit) {
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
  if (audit != nullptr)
    for (const std::string& what : seal_in_words(*audit)) fmt::print("{}\n", what);
  if (audit == nullptr) {
    for (const std::string& what : not_checked(v, audit)) fmt::print("not checked: {}\n", what);
  } else {
    fmt::print("not checked: {}\n", fmt::join(not_checked(v, audit), "; "));
  }
  if (!options.no_loss) return;
  for (const std::string& what : losses(v)) fmt::print("--no-loss: {}\n", what);
}

void print_deviation(const VerifyOptions& options, const Verdict& v) {
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

void print_json(const Verdict& v, const log::Audit* audit) {
  Json causes, accounts, json;
  for (std::size_t i = 0; i < v.lost.count.size(); ++i)
    if (v.lost.count[i] != 0) causes.number(log::name_of(static_cast<log::Cause>(i)), v.lost.count[i]);
  accounts.number("closed", v.closed).number("open", v.open).number("gone", v.gone);
  std::vector<std::string> unchecked;
  for (const std::string& what : not_checked(v, audit)) unchecked.push_back(in_quotes(what));
  json.number("v", 1)
      .boolean("proven", v.proven && (audit == nullptr || audit->holds))
      .raw("ring", "\"" + v.ring + "\"");  // as it stands in the log: escaped
  json.number("files", v.files).number("lines", v.lines);
  json.number("first_index", v.first_index).number("last_index", v.last_index);
  json.number("attempted", v.events + v.lost.total()).number("logged", v.events).number("lost", v.lost.total());
  json.raw("causes", causes.text()).number("late", v.late).number("truncated", v.truncated);
  json.raw("accounts", accounts.text()).number("torn_bytes", v.torn_bytes).number("nested", v.nested);
  json.number("not_understood", v.not_understood).raw("not_checked", json_array(unchecked));
  if (!v.proven) json.raw("deviation", deviation_json(v.deviation));
  if (audit != nullptr) json.raw("seal", seal_json(*audit));
  json.print();
}

void print_text(const VerifyOptions& options, const Verdict& v, const log::Audit* audit) {
  if (!v.proven) print_deviation(options, v);
  if (audit != nullptr && !audit->holds) print_seal_deviation(options, *audit);
  if (v.proven && (audit == nullptr || audit->holds)) print_proof(options, v, audit);
}

int write_conviction(const VerifyOptions& options, const log::Audit& audit) {
  if (options.conviction.empty() || audit.conviction.empty()) return ok;
  os::Fd file;
  int error = os::open_at(AT_FDCWD, options.conviction.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644, file);
  if (error == 0) error = os::write_full(file.get(), audit.conviction.data(), audit.conviction.size());
  if (error == 0) return ok;
  complain(fmt::format("cannot write {}: {}", safe(options.conviction), std::strerror(-error)));
  return exit_of(error);
}

int run(const VerifyOptions& options) {
  if (options.dir.empty()) return options.proof.empty() ? verify_conviction(options) : verify_proof(options);
  Verdict verdict;
  log::AuditRequest request;
  log::Audit found;
  const log::Audit* const audit = options.keys.empty() ? nullptr : &found;
  if (const int status = read_request(options, request)) return status;
  const int error = audit == nullptr ? log::verify(options.dir, verdict) : log::audit(options.dir, request, verdict, found);
  if (error != 0) {
    complain(os::last_error());
    return exit_of(error);
  }
  if (options.output == "json") {
    print_json(verdict, audit);
  } else {
    print_text(options, verdict, audit);
  }
  const std::string lack = audit == nullptr || !found.holds ? "" : not_signed(options, found);
  if (!lack.empty()) complain(fmt::format("log {}: {}", safe(options.dir), lack));
  write_out();
  if (!verdict.proven) return verdict.readable ? negative : damaged;
  if (audit != nullptr && !audit->holds) {
    const int status = write_conviction(options, found);
    return status == ok ? int{negative} : status;
  }
  return !lack.empty() || (options.no_loss && !losses(verdict).empty()) ? negative : ok;
}

// Returns "" or which options do not go together.
std::string misuse(const VerifyOptions& options) {
  const bool has_log = !options.dir.empty();
  if (has_log && !(options.proof.empty() && options.line.empty())) return "--proof and --line need no DIR";
  if (!has_log && options.proof.empty() && options.conviction.empty())
    return "give DIR, or the files to check without it: --proof and --line, or --conviction";
  if (options.proof.empty() != options.line.empty()) return "--proof and --line go together";
  const bool needs_key = !has_log || !options.checkpoints.empty() || !options.against.empty() || !options.max_age.empty() ||
                         !options.conviction.empty();
  return needs_key && options.keys.empty() ? "what is signed can only be checked with --key" : "";
}

}  // namespace

void register_verify(Command program) {
  auto options = std::make_shared<VerifyOptions>();
  Command command = program.add(
      "verify", "Prove that a log is whole: index without a hole, every sequence exactly once, as an event or a loss");
  command.value("DIR", options->dir, "The directory that shmringd --log writes to");
  command.flag("--no-loss", options->no_loss,
               "Also fail if a sequence was lost, a call was nested (it took no sequence), or an account is gone");
  command.value("--key", options->keys, std::string("Also prove that the log is what was signed. ") + key_help)
      .form("KEY")
      .one_each_time();
  command.value("--checkpoint", options->checkpoints, "A checkpoint that was kept elsewhere. May be given several times")
      .form("FILE")
      .one_each_time();
  command.value("--max-age", options->max_age, "Also fail if the newest signed line is older")
      .form("SECONDS")
      .check(whole_number(0, 1'000'000'000));
  command.value("--against", options->against, "A copy of the log: if lines were changed, it shows which").form("DIR");
  command.value("--proof", options->proof, "Without DIR: check what `shmring prove` has printed of one line").form("FILE");
  command.value("--line", options->line, "That line").form("FILE");
  command
      .value("--conviction", options->conviction,
             "If two signed notes contradict each other, write both here, with a proof. Without DIR: check such a file")
      .form("FILE");
  command.value("-o,--output", options->output, "text, or json: one object").choose({"text", "json"});
  command.footer(
      "With --key a log is convicted if a line below the newest checkpoint was changed, removed or added. AUDITORS.md says "
      "what that "
      "shows, and what not.\n\n"
      "Exit status: 0 proven, 1 a deviation, or with --no-loss a loss, or with --key nothing signed (with --max-age: lately), "
      "2 usage, 3 no "
      "such "
      "log, 4 permission, 5 not an audit log at all, or an input that is none, 7 I/O.\n\n"
      "Example: shmring verify /var/log/payments-audit --key payments.keys --checkpoint payments.checkpoint");
  command.run([options]() -> int {
    const std::string wrong = misuse(*options);
    if (wrong.empty()) return run(*options);
    complain(wrong);
    return usage;
  });
}

}  // namespace shmring::tool
