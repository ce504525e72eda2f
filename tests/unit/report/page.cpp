// The pages of a report: no text of a log can become markup, and a page of the largest report is bounded.
#include <doctest/doctest.h>

#include "lib/log/format/json.hpp"
#include "tests/unit/log/support.hpp"
#include "tools/shmring/report/archive.hpp"
#include "tools/shmring/report/words.hpp"

using namespace shmring::tool;
using shmring::log::Cause;

namespace {

const std::string hostile = "<script>alert('1')</script>&\"<b onload=x>";

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

Occurrence occurrence(u64 index, const std::string& what) {
  std::string in_json;
  shmring::log::append_escaped(in_json, what);
  return {index, "2026-12-02T08:00:00.000000000Z", "incident",
          "\"what\":\"" + in_json + "\",\"errno\":28,\"code\":\"disk_full\"", false};
}

// Each text that comes from a log, a key, or a path is hostile.
Report hostile_report() {
  Report report;
  report.title = report.verdict.ring = report.dir = report.not_signed = hostile;
  report.command = "shmring verify " + shell_word(hostile);
  report.newest_checkpoint = hostile + "\n7\n";
  report.verdict.deviation = {hostile, 3, 4, 5, 6, hostile, hostile};
  Tally& tally = report.tally;
  tally.first_time = tally.last_time = hostile;
  tally.producers.of(hostile).lost[Cause::full] = 3;
  tally.timeline.add(1'700'000'000, 5, 3);
  tally.incidents.newest.push_back(occurrence(1, hostile));
  tally.incidents.newest.back().time = hostile;
  tally.keys.newest.push_back(occurrence(2, hostile));
  tally.runs.newest.push_back(occurrence(3, hostile));
  tally.incidents.count = tally.keys.count = tally.runs.count = 1;
  tally.codes.emplace_back(hostile, 1);
  report.files.push_back({{hostile, 0, 1, hostile, hostile}, 1, hostile, false, hostile});
  return report;
}

void check_harmless(const std::string& page) {
  CHECK(count_of(page, "<script") == 0);
  CHECK(count_of(page, "<b onload") == 0);
  CHECK(count_of(page, "&lt;script&gt;") > 0);
  CHECK(count_of(page, "Content-Security-Policy") == 1);
}

}  // namespace

TEST_CASE("escape leaves nothing that begins a tag, an entity or a quote, and no byte that HTML cannot have") {
  CHECK(escape("a <b> & \"c\" 'd'") == "a &lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
  CHECK(escape("größer ≥ 𝄞\n\t.") == "größer ≥ 𝄞\n\t.");
  CHECK(escape(std::string("\0\x1b\x7f", 3)) == "\uFFFD\uFFFD\uFFFD");
  CHECK(escape("a\xff\xc3") == "a\uFFFD\uFFFD");
  CHECK(escape("\xf0\x9d\x84<") == "\uFFFD\uFFFD\uFFFD&lt;");
  CHECK(escape("") == "");
}

TEST_CASE("a template escapes all that is no markup") {
  const Markup inner = html("<b>{}</b>", "<i>");
  CHECK(inner.text() == "<b>&lt;i&gt;</b>");
  CHECK(html("{} {} {:.1f}", inner, 7, 2.25).text() == "<b>&lt;i&gt;</b> 7 2.2");
}

TEST_CASE("hostile texts are text on every page") {
  Report report = hostile_report();
  check_harmless(report_page(report));  // it deviates
  report.verdict.proven = true;
  check_harmless(report_page(report));
  report.audit.emplace().origin = hostile;
  report.audit->expected = report.audit->found = report.audit->file = hostile;
  report.audit->line_expected = report.audit->line_found = hostile;
  check_harmless(report_page(report));
  report.audit->holds = true;
  report.audit->signed_at = report.audit->unsigned_since = hostile;
  report.audit->witnesses.push_back({hostile, 1, 1});
  check_harmless(report_page(report));
  ArchiveRow row;
  row.state.name = {hostile, hostile, hostile};
  row.page = row.verdict = row.trouble = row.last_time = hostile;
  check_harmless(index_page(hostile, 0, {row}));
}

TEST_CASE("the page says what was proven, what repeats it, and where losses are") {
  Report report;
  report.title = report.verdict.ring = "payments", report.dir = "/log", report.command = "shmring verify /log";
  report.verdict.proven = true, report.verdict.lines = 10, report.verdict.events = 6;
  report.verdict.lost[Cause::full] = 2;
  report.tally.timeline.add(100, 6, 2);
  const std::string page = report_page(report);
  CHECK(page.find("<p class=\"verdict good\">whole</p>") != page.npos);
  CHECK(page.find("<code>shmring verify /log</code>") != page.npos);
  CHECK(page.find("8 attempted = 6 logged + 2 lost (full 2)") != page.npos);
  CHECK(count_of(page, "<rect class=\"lost\"") == 1);
  CHECK(count_of(page, "<rect class=\"logged\"") == 1);
  report.verdict.proven = false;
  CHECK(report_page(report).find("<p class=\"verdict bad\">not whole</p>") != page.npos);
  report.verdict.proven = true, report.not_signed = "none of its lines is signed";
  CHECK(report_page(report).find("<p class=\"verdict bad\">whole, but not signed</p>") != page.npos);
  report.audit.emplace().holds = false;
  CHECK(report_page(report).find("<p class=\"verdict bad\">not what was signed</p>") != page.npos);
}

TEST_CASE("one loss among a million events is as high as can be seen") {
  Report report;
  report.tally.timeline.add(100, 1'000'000, 1);
  const std::string page = report_page(report);
  const std::size_t at = page.find("<rect class=\"lost\"");
  REQUIRE(at != page.npos);
  CHECK(page.substr(at, page.find('>', at) - at).find(" height=\"3.00\"") != page.npos);
}

TEST_CASE("the largest page is smaller than 2 MB") {
  Report report;
  report.verdict.proven = true;
  Tally& tally = report.tally;
  for (int i = 0; i < 3000; ++i) {
    ProducerSum& row = tally.producers.of(std::to_string(i) + std::string(63 * 6, '"'));
    for (u64& count : row.lost.count) count = 1'000'000'000'000;
  }
  for (int i = 0; i < 10'000; ++i) tally.timeline.add(1'700'000'000 + i, 1'000'000, 1'000'000);
  for (Occurrences* all : {&tally.incidents, &tally.runs, &tally.keys})
    for (u64 i = 0; i < Occurrences::most_kept; ++i, ++all->count)
      all->newest.push_back(occurrence(i, std::string(Occurrences::most_bytes - 40, 'x')));
  for (u64 i = 0; i < Tally::most_files; ++i)
    report.files.push_back({{std::string(56, 'f'), i, i, "", ""}, 1u << 30, std::string(64, 'a'), true, ""});
  const std::string page = report_page(report);
  CHECK(page.size() > 500'000);
  CHECK(page.size() < 2'000'000);
}

TEST_CASE("words of a command line are in quotes where a shell would change them") {
  CHECK(shell_word("/var/log/pay-1.d") == "/var/log/pay-1.d");
  CHECK(shell_word("a b") == "'a b'");
  CHECK(shell_word("it's") == "'it'\\''s'");
  CHECK(shell_word("$(x)") == "'$(x)'");
  CHECK(shell_word("") == "''");
}

TEST_CASE("an occurrence is told with what it is first, and what its error number means") {
  CHECK(in_words({1, "", "incident", "\"from\":\"a\",\"what\":\"the disk\",\"errno\":28,\"code\":\"disk_full\"", false}) ==
        "the disk, from a, errno 28 (No space left on device)");
  CHECK(code_of({1, "", "incident", "\"what\":\"x\",\"code\":\"disk_full\"", false}) == "disk_full");
  CHECK(in_words({1, "", "incident", "", true}) == "a line too long to be shown");
}
