// shmring report DIR: what a log proves and what is in it, for people: as text, as JSON, or as a page. With --archive it is a
// page for each log of an archive, and an index of them.
//
// Invariant: the exit status is that of `shmring verify` with the same options, whatever the form is.
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"
#include "lib/os/replace.hpp"
#include "tools/common/say.hpp"
#include "tools/shmring/commands.hpp"
#include "tools/shmring/report/archive.hpp"
#include "tools/shmring/report/words.hpp"
#include "tools/shmring/seal_input.hpp"
#include "tools/shmring/verify.hpp"

namespace shmring::tool {
namespace {

struct ReportOptions {
  VerifyOptions verify;
  std::string form = "text", to;
  bool is_archive = false;
};

// What repeats the verdict.
std::string command_of(const VerifyOptions& options) {
  std::string out = "shmring verify " + shell_word(options.dir);
  for (const std::string& key : options.keys) out += " --key " + shell_word(key);
  for (const std::string& file : options.checkpoints) out += " --checkpoint " + shell_word(file);
  return options.max_age.empty() ? out : out + " --max-age " + shell_word(options.max_age);
}

int read_report(const VerifyOptions& options, Report& out) {
  log::AuditRequest request;
  if (const int status = read_request(options, request)) return status;
  out.dir = options.dir, out.command = command_of(options), out.made_utc_ns = os::utc_now_ns();
  request.taker = &out.tally;
  int error = 0;
  if (options.keys.empty()) {
    error = log::verify(options.dir, out.verdict, &out.tally);
  } else {
    error = log::audit(options.dir, request, out.verdict, out.audit.emplace());
  }
  if (error == 0) error = read_files(out);
  if (error != 0) return failed(error);
  out.title = out.verdict.ring.empty() ? "an audit log" : out.verdict.ring;
  if (out.audit && out.audit->holds) out.not_signed = not_signed(options, *out.audit);
  return ok;
}

int write(const std::string& to, const std::string& text) {
  if (to.empty()) return fmt::print("{}", text), write_out(), ok;
  const int error = os::replace_as_umask(to, text);
  if (error == 0) return ok;
  complain(fmt::format("cannot write {}: {}", safe(to), std::strerror(-error)));
  return exit_of(error);
}

int run(const ReportOptions& options) {
  if (options.is_archive) return report_archive(options.verify.dir, options.to);
  Report report;
  if (const int status = read_report(options.verify, report)) return status;
  const auto text = options.form == "html" ? report_page : options.form == "json" ? report_json : report_text;
  if (const int status = write(options.to, text(report))) return status;
  if (!report.not_signed.empty()) complain(fmt::format("log {}: {}", safe(options.verify.dir), report.not_signed));
  if (report.holds()) return ok;
  return report.verdict.proven || report.verdict.readable ? negative : damaged;
}

// Returns "" or which options do not go together.
std::string misuse(const ReportOptions& options) {
  const bool has_more = !options.verify.checkpoints.empty() || !options.verify.max_age.empty();
  if (!options.is_archive)
    return has_more && options.verify.keys.empty() ? "what is signed can only be checked with --key" : "";
  if (options.form != "html" || options.to.empty())
    return "--archive makes pages: give -o html, and the directory for them as --to";
  if (has_more || !options.verify.keys.empty())
    return "the keys of an archive's logs are those that it has pinned: give no --key";
  return "";
}

}  // namespace

void register_report(Command program) {
  auto options = std::make_shared<ReportOptions>();
  Command command =
      program.add("report", "Make a page of a log, to be read and printed: its verdict, sums, losses, outages, files");
  command.value("DIR", options->verify.dir, "The directory that shmringd --log writes to").required();
  command.value("-o,--output", options->form, "text, json: one object, or html: one page without script")
      .choose({"text", "json", "html"});
  command.value("--to", options->to, "Write it to this file, which is replaced when all of it is there").form("FILE");
  add_seal_options(command, options->verify);
  command.flag("--archive", options->is_archive,
               "DIR is an archive that `shmring receive` keeps: --to is a directory, for a page a log and index.html");
  command.footer(
      "The log is read once, as by `shmring verify`. What there may be any number of (producers, incidents, files) is shown up "
      "to a bound, and the rest as one sum.\n\n"
      "Exit status: 0 proven, 1 a deviation (with --key also: nothing signed; with --archive: of any log, or one that cannot "
      "be "
      "read), 2 usage, 3 no such log, 4 permission, 5 not an audit log, or an input file of another kind, 7 I/O.\n\n"
      "Example: shmring report /var/log/payments-audit -o html --to payments.html");
  command.run([options] { return misuse(*options); }, [options] { return run(*options); });
}

}  // namespace shmring::tool
