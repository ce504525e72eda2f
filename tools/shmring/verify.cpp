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

using log::Verdict;

// Returns what --no-loss finds, one sentence each.
std::vector<std::string> losses(const Verdict& v) {
  std::vector<std::string> out;
  if (const log::u64 lost = v.lost.total(); lost > 0)
    out.push_back(fmt::format("{} sequence{} lost", lost, lost == 1 ? " was" : "s were"));
  if (v.nested > 0) out.push_back(fmt::format("{} write{} took no sequence", v.nested, v.nested == 1 ? "" : "s"));
  if (v.gone > 0)
    out.push_back(fmt::format("{} account{} gone: what was attempted after the last line is not known", v.gone,
                              v.gone == 1 ? " is" : "s are"));
  return out;
}

// The sentences on what was not checked are one line where the seal is what matters.
void print_proof(const VerifyOptions& options, const Verdict& v, const log::Audit* audit) {
  for (const std::string& what : proof_in_words(v, audit)) fmt::print("{}\n", what);
  if (audit == nullptr) {
    for (const std::string& what : not_checked(v, audit)) fmt::print("not checked: {}\n", what);
  } else {
    fmt::print("not checked: {}\n", fmt::join(not_checked(v, audit), "; "));
  }
  if (!options.no_loss) return;
  for (const std::string& what : losses(v)) fmt::print("--no-loss: {}\n", what);
}

void print_text(const VerifyOptions& options, const Verdict& v, const log::Audit* audit) {
  if (!v.proven) fmt::print("{}\n", fmt::join(deviation_in_words(options.dir, v), "\n"));
  if (audit != nullptr && !audit->holds) fmt::print("{}\n", fmt::join(seal_deviation_in_words(options.dir, *audit), "\n"));
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
    verdict_json(verdict, audit).print();
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

void add_seal_options(Command command, VerifyOptions& options) {
  command.value("--key", options.keys, fmt::format("Also prove that the log is what was signed. {}", key_help))
      .form("KEY")
      .one_each_time();
  command.value("--checkpoint", options.checkpoints, "A checkpoint that was kept elsewhere. May be given several times")
      .form("FILE")
      .one_each_time();
  command.value("--max-age", options.max_age, "Also fail if the newest signed line is older")
      .form("SECONDS")
      .check(whole_number(0, 1'000'000'000));
}

void register_verify(Command program) {
  auto options = std::make_shared<VerifyOptions>();
  Command command = program.add(
      "verify", "Prove that a log is whole: index without a hole, every sequence exactly once, as an event or a loss");
  command.value("DIR", options->dir, "The directory that shmringd --log writes to");
  command.flag("--no-loss", options->no_loss,
               "Also fail if a sequence was lost, a call was nested (it took no sequence), or an account is gone");
  add_seal_options(command, *options);
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
      "log, 4 permission, 5 not an audit log, or an input file of another kind, 7 I/O.\n\n"
      "Example: shmring verify /var/log/payments-audit --key payments.keys --checkpoint payments.checkpoint");
  command.run([options] { return misuse(*options); }, [options] { return run(*options); });
}

}  // namespace shmring::tool
