// The index of an archive's logs: those that do not hold come first.
#include <algorithm>

#include "tools/common/text.hpp"
#include "tools/shmring/report/archive.hpp"
#include "tools/shmring/report/page_parts.hpp"
#include "tools/shmring/report/words.hpp"

namespace shmring::tool {
namespace {

// How long ago the archive has got anything of it.
std::string silence(u64 made_utc_ns, const fleet::ArchivedLogState& state) {
  const u64 at = state.changed_utc_s * 1'000'000'000;
  if (at == 0) return "-";
  return duration_text(made_utc_ns > at ? made_utc_ns - at : 0);
}

bool is_well(const ArchiveRow& row) { return row.holds && row.trouble.empty(); }

Markup cells(const ArchiveRow& row, u64 made_utc_ns) {
  const fleet::LogName& name = row.state.name;
  const Markup log = row.page.empty() ? html("{}", safe(name.log)) : html("<a href=\"{}\">{}</a>", row.page, safe(name.log));
  Markup verdict = html("<span class=\"{}\">{}</span>", is_well(row) ? "good" : "bad", row.verdict);
  if (!row.trouble.empty()) verdict += html("<br><span class=\"bad\">{}</span>", row.trouble);
  return html(
      "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"number\">{}</td><td class=\"time\">{}</td><td "
      "class=\"number\">{}</td>"
      "<td class=\"number\">{}</td><td class=\"number{}\">{}</td><td class=\"number\">{}</td></tr>\n",
      safe(name.host), safe(name.ring), log, verdict, row.state.archived.index, row.last_time, silence(made_utc_ns, row.state),
      row.attempted, row.lost == 0 ? "" : " bad", row.lost, row.incidents);
}

}  // namespace

std::string index_page(const std::string& root, u64 made_utc_ns, const std::vector<ArchiveRow>& rows) {
  std::vector<const ArchiveRow*> sorted;
  for (const ArchiveRow& row : rows) sorted.push_back(&row);
  std::ranges::stable_sort(sorted, {}, [](const ArchiveRow* row) { return is_well(*row); });
  const auto bad = static_cast<u64>(std::ranges::count_if(rows, [](const ArchiveRow& row) { return !is_well(row); }));
  u64 logged = 0, lost = 0;
  Markup lines;
  for (const ArchiveRow* row : sorted) logged += row->logged, lost += row->lost, lines += cells(*row, made_utc_ns);
  const std::string verdict =
      bad == 0 ? fmt::format("all {} log{} hold", rows.size(), plural(rows.size()))
               : fmt::format("{} of {} log{} need{} a person", bad, rows.size(), plural(rows.size()), bad == 1 ? "s" : "");
  Markup body = html("<h1>Archive {}</h1>\n<p class=\"verdict {}\">{}</p>\n", safe(root), bad == 0 ? "good" : "bad", verdict);
  body += html("<p>{} attempted = {} logged + {} lost</p>\n<p class=\"soft\">Made at {}.</p>\n", logged + lost, logged, lost,
               time_text(made_utc_ns));
  body += table("Logs",
                html("<th>host</th><th>ring</th><th>log</th><th>verdict</th><th class=\"number\">lines through</th>"
                     "<th>last line</th><th class=\"number\">silent for</th><th class=\"number\">attempted</th>"
                     "<th class=\"number\">lost</th><th class=\"number\">incidents</th>"),
                lines);
  return whole_page(fmt::format("Archive: {}", verdict), body);
}

}  // namespace shmring::tool
