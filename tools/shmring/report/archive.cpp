// The pages of an archive: see archive.hpp.
#include "tools/shmring/report/archive.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "lib/fleet/log_store.hpp"
#include "lib/log/seal/hash.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"
#include "lib/os/replace.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/report/words.hpp"

namespace shmring::tool {
namespace {

constexpr std::size_t page_name_bytes = 16;

// A name of any host, ring and log as one of a file, which is short, plain, and no other log's.
std::string page_name(const fleet::LogName& name) {
  log::Digest digest;
  const log::Hash hash = digest.of(name.host + '/' + name.ring + '/' + name.log);
  return hex_of(std::as_bytes(std::span(hash).first(page_name_bytes))) + ".html";
}

int put(const std::string& directory, const std::string& name, const std::string& text) {
  const int error = os::replace_as_umask(directory + '/' + name, text);
  if (error == 0) return ok;
  complain(fmt::format("cannot write {}/{}: {}", safe(directory), safe(name), std::strerror(-error)));
  return exit_of(error);
}

std::string trouble_of(const fleet::ArchivedLogState& state) {
  if (!state.text.empty()) return state.text;
  if (state.conflicts > 0)
    return fmt::format("{} message{} differed from what the archive has: *.conflict in its directory", state.conflicts,
                       plural(state.conflicts));
  return state.archived.wanted ? "lines are missing before what has come; the host was asked for them" : "";
}

// Reads a log, writes its page, and fills in its row. Returns 0 or an exit status: of what concerns all logs.
int add(const std::string& root, const std::string& directory, ArchiveRow& row) {
  Report report;
  fleet::Judgement judgement;
  const fleet::LogName& name = row.state.name;
  row.trouble = trouble_of(row.state);
  const unsigned threads = std::max(1u, std::thread::hardware_concurrency()) - 1;
  report.made_utc_ns = os::utc_now_ns();
  int error = fleet::judge(root, name, threads, judgement, &report.tally);
  report.dir = fleet::path_of(root, name);
  if (error == 0) error = read_files(report);
  if (error != 0) {
    row.verdict = "cannot be read";
    if (row.trouble.empty()) row.trouble = os::last_error();
    return ok;
  }
  report.title = safe(name.host + '/' + name.ring + '/' + name.log);
  report.verdict = std::move(judgement.verdict);
  report.command = "shmring verify " + shell_word(report.dir);
  if (judgement.sealed) {
    report.audit = std::move(judgement.audit);
    report.command += " --key " + shell_word(judgement.key);
  }
  row.page = page_name(name);
  row.holds = report.holds(), row.verdict = verdict_word(report), row.last_time = report.tally.last_time;
  row.logged = report.verdict.events, row.lost = report.verdict.lost.total(), row.attempted = row.logged + row.lost;
  row.incidents = report.tally.incidents.count;
  if (row.trouble.empty() && !judgement.holds) row.trouble = safe(judgement.text);
  return put(directory, row.page, report_page(report));
}

}  // namespace

int report_archive(const std::string& root, const std::string& directory) {
  std::vector<fleet::ArchivedLogState> states;
  std::vector<ArchiveRow> rows;
  if (const int error = fleet::read_archive(root, states); error != 0) {
    complain(safe(os::last_error()));
    return exit_of(error);
  }
  const int made = os::result(os::calls.mkdirat(AT_FDCWD, directory.c_str(), 0777));
  if (made != 0 && made != -EEXIST) {
    complain(fmt::format("cannot make {}: {}", safe(directory), std::strerror(-made)));
    return exit_of(made);
  }
  bool is_well = true;
  for (fleet::ArchivedLogState& state : states) {
    rows.emplace_back().state = std::move(state);
    if (const int status = add(root, directory, rows.back())) return status;
    is_well = is_well && rows.back().holds && rows.back().trouble.empty();
  }
  if (const int status = put(directory, "index.html", index_page(root, os::utc_now_ns(), rows))) return status;
  return is_well ? ok : negative;
}

}  // namespace shmring::tool
