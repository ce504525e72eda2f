// What verify has found, as sentences and as JSON: see verify.hpp.
#include <fmt/format.h>

#include "tools/shmring/verify.hpp"

namespace shmring::tool {
namespace {

using log::Verdict;

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

}  // namespace

std::string by_cause(const log::Causes& causes, const char* form, const char* between) {
  std::string text;
  for (std::size_t i = 0; i < causes.count.size(); ++i) {
    if (causes.count[i] == 0) continue;
    if (!text.empty()) text += between;
    text += fmt::format(fmt::runtime(form), log::name_of(static_cast<log::Cause>(i)), causes.count[i]);
  }
  return text;
}

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

std::vector<std::string> proof_in_words(const Verdict& v, const log::Audit* audit) {
  std::vector<std::string> out;
  out.push_back(fmt::format("ring {}: {} line{} in {} file{}, index {} to {} without a hole", v.ring, v.lines, plural(v.lines),
                            v.files, plural(v.files), v.first_index, v.last_index));
  const log::u64 lost = v.lost.total();
  const std::string causes = lost == 0 ? "" : fmt::format(" ({})", by_cause(v.lost, "{} {}", ", "));
  out.push_back(fmt::format("{} attempted = {} logged + {} lost{}: each sequence exactly once, in order", v.events + lost,
                            v.events, lost, causes));
  if (v.nested > 0)
    out.push_back(fmt::format(
        "{} more write{} refused without a sequence, made inside another call of the same handle: by a signal handler, or by "
        "several threads that share a handle",
        v.nested, v.nested == 1 ? " was" : "s were"));
  out.push_back(fmt::format("accounts: {} closed, {} open, {} gone", v.closed, v.open, v.gone));
  if (audit != nullptr)
    for (std::string& what : seal_in_words(*audit)) out.push_back(std::move(what));
  return out;
}

std::vector<std::string> deviation_in_words(const std::string& dir, const Verdict& v) {
  const log::Deviation& d = v.deviation;
  std::vector<std::string> out{fmt::format("{}/{}: line {} (byte {}) deviates", dir, d.file, d.line, d.byte)};
  if (d.incarnation != 0) out.push_back(fmt::format("  incarnation {}, sequence {}", d.incarnation, d.sequence));
  out.push_back(fmt::format("  expected: {}", d.expected));
  out.push_back(fmt::format("  found:    {}", d.found));
  out.push_back(fmt::format("  the {} line{} before it hold", v.lines, plural(v.lines)));
  return out;
}

Json verdict_json(const Verdict& v, const log::Audit* audit) {
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
  return json;
}

}  // namespace shmring::tool
