// The words of a report: see words.hpp.
#include "tools/shmring/report/words.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "lib/log/format/json.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/verify.hpp"

namespace shmring::tool {
namespace {

const log::Audit* audit_of(const Report& report) { return report.audit ? &*report.audit : nullptr; }

// Appends a pair: a string without its quotes, and what an error number means.
void append(std::string& out, std::string_view key, std::string_view value) {
  if (key == "code" || key == "ring_id") return;
  if (value.starts_with('"')) value = value.substr(1, value.size() - 2);
  if (key == "what") {
    out.insert(0, std::string(value) + (out.empty() ? "" : ", "));
    return;
  }
  out += (out.empty() ? "" : ", ") + std::string(key) + ' ' + std::string(value);
  u64 number = 0;
  log::Scanner digits(value);
  if (key == "errno" && digits.number(number) && number < 4096)
    out += std::string(" (") + std::strerror(static_cast<int>(number)) + ')';
}

}  // namespace

std::string verdict_word(const Report& report) {
  if (!report.verdict.proven) return "not whole";
  if (report.audit && !report.audit->holds) return "not what was signed";
  if (!report.not_signed.empty()) return "whole, but not signed";
  return report.audit ? "whole, and what was signed" : "whole";
}

std::vector<std::string> verdict_sentences(const Report& report) {
  const log::Audit* const audit = audit_of(report);
  std::vector<std::string> out;
  if (!report.verdict.proven) out = deviation_in_words(safe(report.dir), report.verdict);
  if (audit != nullptr && !audit->holds) {
    for (std::string& what : seal_deviation_in_words(report.dir, *audit)) out.push_back(std::move(what));
  }
  if (out.empty()) out = proof_in_words(report.verdict, audit);
  if (!report.not_signed.empty()) out.push_back(report.not_signed);
  return out;
}

std::vector<std::string> unchecked_sentences(const Report& report) {
  if (!report.verdict.proven || (report.audit && !report.audit->holds)) return {};
  return not_checked(report.verdict, audit_of(report));
}

std::string in_words(const Occurrence& occurrence) {
  std::string out;
  log::Scanner at(occurrence.pairs);
  std::string_view key, value;
  while (at.string(key) && at.literal(":") && at.value(value)) {
    append(out, key, value);
    if (!at.literal(",")) break;
  }
  return occurrence.is_cut ? "a line too long to be shown" : out;
}

std::string code_of(const Occurrence& occurrence) {
  std::string_view code;
  return log::find_pair_text(',' + occurrence.pairs, "code", code) ? std::string(code.substr(0, Tally::most_code_bytes)) : "";
}

std::string more_in_words(const Occurrences& all) {
  const u64 more = all.count - all.newest.size();
  return more == 0 ? "" : "; and " + std::to_string(more) + " earlier one" + plural(more);
}

std::string shell_word(std::string_view text) {
  const auto is_plain = [](unsigned char c) { return std::isalnum(c) != 0 || std::strchr("._-/+=:,@%", c) != nullptr; };
  if (!text.empty() && std::ranges::all_of(text, [&](char c) { return c != '\0' && is_plain(static_cast<unsigned char>(c)); }))
    return std::string(text);
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

}  // namespace shmring::tool
