// A report as a page: one file, without script, which prints well.
#include <algorithm>

#include "tools/common/text.hpp"
#include "tools/shmring/report/page_parts.hpp"
#include "tools/shmring/report/words.hpp"
#include "tools/shmring/verify.hpp"

namespace shmring::tool {
namespace {

Markup list(const std::vector<std::string>& sentences) {
  Markup out;
  for (const std::string& what : sentences) out += html("<li>{}</li>\n", what);
  return html("<ul>\n{}</ul>\n", out);
}

Markup heading(const Report& report) {
  Markup out = html("<h1>Audit log {}</h1>\n<p class=\"verdict {}\">{}</p>\n", report.title, report.holds() ? "good" : "bad",
                    verdict_word(report));
  out += list(verdict_sentences(report));
  if (const std::vector<std::string> unchecked = unchecked_sentences(report); !unchecked.empty())
    out += html("<p>Not checked:</p>\n{}", list(unchecked));
  out += html("<p>To repeat this verdict:<br><code>{}</code></p>\n<p class=\"soft\">Lines of {} to {}. Made at {}.</p>\n",
              safe(report.command), report.tally.first_time, report.tally.last_time, time_text(report.made_utc_ns));
  return out;
}

Markup sums(const log::Verdict& verdict) {
  const u64 lost = verdict.lost.total();
  Markup out = html(
      "<div class=\"sums\"><div>{}<small>attempted</small></div><div>=</div><div>{}<small>logged</small></div><div>+</div>"
      "<div class=\"{}\">{}<small>lost</small></div></div>\n",
      verdict.events + lost, verdict.events, lost == 0 ? "good" : "bad", lost);
  if (lost > 0) out += html("<p>Lost: {}.</p>\n", by_cause(verdict.lost, "{} {}", ", "));
  return out;
}

Markup row_of(const ProducerSum& sum, std::string_view name) {
  return html(
      "<tr><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number{}\">{}</td><td>{}</td>"
      "<td class=\"number\">{}</td><td class=\"number\">{}</td></tr>\n",
      name, sum.attempted(), sum.logged, sum.lost.total() == 0 ? "" : " bad", sum.lost.total(),
      by_cause(sum.lost, "{} {}", ", "), sum.attached, sum.died);
}

Markup producers_table(const Producers& producers) {
  ProducerSum rest;
  Markup rows;
  const std::vector<ProducerSum> top = producers.top(most_producers, rest);
  for (const ProducerSum& row : top) rows += row_of(row, row.name + (row.is_partial ? " (at least)" : ""));
  if (producers.count() > top.size() || !producers.is_complete()) rows += row_of(rest, "all others");
  Markup out = table("Producers",
                     html("<th>name</th><th class=\"number\">attempted</th><th class=\"number\">logged</th>"
                          "<th class=\"number\">lost</th><th>by cause</th><th class=\"number\">attached</th>"
                          "<th class=\"number\">died</th>"),
                     rows);
  if (!producers.is_complete())
    out += html(
        "<p class=\"soft\">There were too many producers to be counted one by one: where it says at least, lines may be in "
        "the last row. The sums are whole.</p>\n");
  return out;
}

Markup occurrences(std::string_view name, const Occurrences& all) {
  Markup rows;
  for (const Occurrence& one : all.newest)
    rows += html(
        "<tr><td class=\"number\">{}</td><td class=\"time\">{}</td><td class=\"word\">{}</td><td "
        "class=\"word\">{}</td><td>{}</td></tr>\n",
        one.index, one.time, one.kind, code_of(one), in_words(one));
  return table(fmt::format("{}: {}{}", name, all.count, more_in_words(all)),
               html("<th class=\"number\">index</th><th>time</th><th>line</th><th>code</th><th>what</th>"), rows);
}

Markup incidents(const Tally& tally) {
  if (tally.incidents.count == 0) return html("<h2>Incidents and outages: none</h2>\n");
  Markup out = occurrences("Incidents and outages", tally.incidents);
  std::string codes;
  for (const auto& [code, count] : tally.codes)
    codes += fmt::format("{}{} {}", codes.empty() ? "" : ", ", code.empty() ? "without a code" : code, count);
  out += html("<p class=\"soft\">By code: {}. {} of them {} an outage that is over.</p>\n", codes, tally.outages,
              tally.outages == 1 ? "is" : "are");
  return out;
}

Markup seal(const Report& report) {
  if (report.tally.keys.count == 0 && report.newest_checkpoint.empty() && !report.audit) return {};
  Markup out = html("<h2>Seal</h2>\n");
  if (!report.newest_checkpoint.empty())
    out += html("<p>{}</p>\n<pre>{}</pre>\n",
                report.audit ? "The newest checkpoint, as it lies in the log's directory:"
                             : "The newest checkpoint, as it lies in the log's directory; without --key it was not checked:",
                report.newest_checkpoint);
  if (report.tally.keys.count > 0) out += occurrences("Epochs that began", report.tally.keys);
  return out;
}

Markup files(const Report& report) {
  Markup rows;
  if (report.tally.earlier_files > 0)
    rows += html("<tr><td>{} earlier file{}</td><td></td><td class=\"number\">{}</td><td></td><td></td></tr>\n",
                 report.tally.earlier_files, plural(report.tally.earlier_files), report.tally.earlier_lines);
  for (const HashedFile& file : report.files)
    rows += html(
        "<tr><td class=\"hash\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}{}</td>"
        "<td class=\"hash\">{}</td></tr>\n",
        file.lines.name, file.lines.first_index, file.lines.lines, file.bytes, file.is_final ? "" : " so far",
        file.problem.empty() ? file.sha256 : file.problem);
  return table("Files",
               html("<th>name</th><th class=\"number\">first index</th><th class=\"number\">lines</th>"
                    "<th class=\"number\">bytes</th><th>SHA-256</th>"),
               rows);
}

}  // namespace

std::string report_page(const Report& report) {
  const Tally& tally = report.tally;
  Markup body = heading(report);
  body += sums(report.verdict);
  body += picture(tally);
  body += producers_table(tally.producers);
  body += incidents(tally);
  body += occurrences("Starts, stops and changes", tally.runs);
  if (tally.heartbeats > 0)
    body += html("<p class=\"soft\">And {} heartbeat{}.</p>\n", tally.heartbeats, plural(tally.heartbeats));
  body += seal(report);
  body += files(report);
  return whole_page("Audit log " + report.title + ": " + verdict_word(report), body);
}

}  // namespace shmring::tool
