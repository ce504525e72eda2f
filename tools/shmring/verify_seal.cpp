// What `shmring verify --key` says about a seal: see verify.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "lib/log/format/time.hpp"
#include "lib/os/clock.hpp"
#include "tools/common/exit.hpp"
#include "tools/shmring/seal_input.hpp"
#include "tools/shmring/verify.hpp"

namespace shmring::tool {
namespace {

// How far a line's time is from now; nothing if it is no time. One to come is as far: a clock was wrong, then or now.
std::optional<u64> age_ns(const std::string& time) {
  const auto at = log::parse_time(time);
  if (!at || *at <= 0) return std::nullopt;
  const u64 now = os::utc_now_ns(), then = static_cast<u64>(*at);
  return std::max(now, then) - std::min(now, then);
}

std::string through(const log::Audit& audit) {
  if (audit.signed_lines == 0) return "nothing is signed yet";
  std::string out = fmt::format("signed through index {}", audit.base + audit.signed_lines - 1);
  return audit.signed_at.empty() ? out : out + ", a line of " + audit.signed_at;
}

std::string in_witness_words(const log::Audit& audit) {
  std::string out;
  for (const log::Witnessed& witness : audit.witnesses)
    out += fmt::format("; {} has signed through index {} at {}", safe(witness.name),
                       audit.base + std::max<u64>(witness.size, 1) - 1, time_text(witness.time_s * 1'000'000'000));
  return out;
}

}  // namespace

int read_request(const VerifyOptions& options, log::AuditRequest& out) {
  if (const int status = read_keys(options.keys, out.keys)) return status;
  for (const std::string& name : options.checkpoints) {
    log::Anchor anchor{{}, name, true, 0};
    if (const int status = read_checkpoint_input(name, anchor.is)) return status;
    out.given.push_back(std::move(anchor));
  }
  out.against = options.against;
  out.threads = std::max(1u, std::thread::hardware_concurrency()) - 1;
  return ok;
}

std::vector<std::string> seal_in_words(const log::Audit& audit) {
  std::vector<std::string> out;
  out.push_back(fmt::format("seal: from index {} on, {}; {} root{} compared, and none differs", audit.base, through(audit),
                            audit.compared, audit.compared == 1 ? " was" : "s were"));
  out.push_back(fmt::format("keys: {} epoch{} in one chain that begins with the given key{}", audit.epochs,
                            plural(audit.epochs), in_witness_words(audit)));
  if (audit.unsigned_lines > 0)
    out.push_back(fmt::format("not signed yet: {} line{}, the first of {} ({} ago)", audit.unsigned_lines,
                              plural(audit.unsigned_lines), audit.unsigned_since,
                              duration_text(age_ns(audit.unsigned_since).value_or(0))));
  if (audit.not_compared + audit.ignored > 0)
    out.push_back(
        fmt::format("left aside: {} checkpoint{} of lines that were removed, {} note{} that no key of this log has signed",
                    audit.not_compared, plural(audit.not_compared), audit.ignored, plural(audit.ignored)));
  return out;
}

std::vector<std::string> seal_deviation_in_words(const std::string& where, const log::Audit& audit) {
  const std::string dir = safe(where);
  std::vector<std::string> out;
  if (audit.file.empty()) {
    out.push_back(fmt::format("{}: the log is not what was signed", dir));
  } else if (audit.first_line == audit.last_line) {
    out.push_back(
        fmt::format("{}/{}: line {} (index {}) is not what was signed", dir, audit.file, audit.first_line, audit.first_index));
  } else {
    out.push_back(fmt::format("{}/{}: lines {} to {} (index {} to {}): at least one is not what was signed", dir, audit.file,
                              audit.first_line, audit.last_line, audit.first_index, audit.last_index));
  }
  out.push_back(fmt::format("  expected: {}", safe(audit.expected)));
  out.push_back(fmt::format("  found:    {}", safe(audit.found)));
  if (!audit.line_expected.empty()) {
    out.push_back(fmt::format("  copy:     {}", audit.line_expected));
    out.push_back(fmt::format("  here:     {}", audit.line_found));
  }
  if (!audit.conviction.empty())
    out.emplace_back("  two signed notes contradict each other: --conviction FILE writes them, for others to check");
  return out;
}

std::string seal_json(const log::Audit& audit) {
  Json json;
  json.boolean("holds", audit.holds).string("origin", audit.origin).number("base", audit.base);
  json.number("signed_lines", audit.signed_lines).string("signed_at", audit.signed_at);
  json.number("unsigned_lines", audit.unsigned_lines).string("unsigned_since", audit.unsigned_since);
  json.number("epochs", audit.epochs).number("compared", audit.compared).number("not_compared", audit.not_compared);
  json.number("ignored", audit.ignored);
  std::vector<std::string> witnesses;
  for (const log::Witnessed& witness : audit.witnesses)
    witnesses.push_back(
        Json().string("name", witness.name).number("size", witness.size).number("time_s", witness.time_s).text());
  json.raw("witnesses", json_array(witnesses));
  if (audit.holds) return json.text();
  Json where;
  where.string("expected", audit.expected).string("found", audit.found).string("file", audit.file);
  where.number("first_line", audit.first_line).number("last_line", audit.last_line);
  where.number("first_index", audit.first_index).number("last_index", audit.last_index);
  where.string("line_expected", audit.line_expected).string("line_found", audit.line_found);
  where.string("conviction", audit.conviction);
  return json.raw("deviation", where.text()).text();
}

std::string not_signed(const VerifyOptions& options, const log::Audit& audit) {
  if (audit.signed_lines <= audit.first_known) return "none of its lines is signed";
  if (options.max_age.empty()) return "";
  const std::optional<u64> age = age_ns(audit.signed_at);
  if (!age) return "--max-age cannot be judged, since the newest signed line has no time";
  if (*age <= std::stoull(options.max_age) * 1'000'000'000) return "";
  return fmt::format("its newest signed line is {} away from now, which is more than --max-age permits", duration_text(*age));
}

}  // namespace shmring::tool
