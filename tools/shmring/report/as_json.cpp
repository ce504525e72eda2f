// A report as one JSON object: the values of the page, and what `verify -o json` says.
#include "tools/common/text.hpp"
#include "tools/shmring/report/words.hpp"
#include "tools/shmring/verify.hpp"

namespace shmring::tool {
namespace {

// Of a text of the log, which has its escapes.
std::string as_it_stands(std::string_view text) { return '"' + std::string(text) + '"'; }

std::string json_of(const ProducerSum& sum, bool has_name) {
  Json json, causes;
  for (std::size_t i = 0; i < sum.lost.count.size(); ++i)
    if (sum.lost.count[i] != 0) causes.number(log::name_of(static_cast<log::Cause>(i)), sum.lost.count[i]);
  if (has_name) json.raw("name", as_it_stands(sum.name)).boolean("partial", sum.is_partial);
  json.number("attempted", sum.attempted()).number("logged", sum.logged).number("lost", sum.lost.total());
  json.raw("causes", causes.text()).number("attached", sum.attached).number("died", sum.died).number("gone", sum.gone);
  return json.number("nested", sum.nested).text();
}

void add_producers(Json& json, const Producers& producers) {
  ProducerSum rest;
  std::vector<std::string> rows;
  for (const ProducerSum& row : producers.top(most_producers, rest)) rows.push_back(json_of(row, true));
  json.raw("producers", json_array(rows)).raw("other_producers", json_of(rest, false));
  json.number("producer_names", producers.count()).boolean("all_names", producers.is_complete());
}

std::string json_of(const Timeline& timeline, u64 untimed) {
  std::vector<std::string> bars;
  for (const Timeline::Bar& bar : timeline.bars())
    bars.push_back("[" + std::to_string(bar.logged) + "," + std::to_string(bar.lost) + "]");
  return Json()
      .raw("begin_s", std::to_string(timeline.begin_s()))
      .raw("width_s", std::to_string(timeline.width_s()))
      .raw("bars", json_array(bars))
      .number("untimed", untimed)
      .text();
}

Json json_of(const Occurrences& all) {
  std::vector<std::string> newest;
  for (const Occurrence& one : all.newest)
    newest.push_back(Json()
                         .number("index", one.index)
                         .raw("time", as_it_stands(one.time))
                         .string("kind", one.kind)
                         .raw("pairs", "{" + one.pairs + "}")
                         .boolean("cut", one.is_cut)
                         .text());
  return Json().number("count", all.count).raw("newest", json_array(newest));
}

std::string json_of(const HashedFile& file) {
  Json json;
  json.string("name", file.lines.name).number("first_index", file.lines.first_index).number("lines", file.lines.lines);
  json.raw("begin", as_it_stands(file.lines.begin)).raw("end", as_it_stands(file.lines.end));
  json.number("bytes", file.bytes).string("sha256", file.sha256).boolean("final", file.is_final);
  return json.string("problem", file.problem).text();
}

}  // namespace

std::string report_json(const Report& report) {
  const Tally& tally = report.tally;
  Json json, codes;
  json.number("v", 1).raw("title", as_it_stands(report.title)).string("dir", report.dir).string("command", report.command);
  json.string("made", time_text(report.made_utc_ns)).boolean("holds", report.holds()).string("not_signed", report.not_signed);
  json.raw("verify", verdict_json(report.verdict, report.audit ? &*report.audit : nullptr).text());
  json.raw("first_time", as_it_stands(tally.first_time)).raw("last_time", as_it_stands(tally.last_time));
  add_producers(json, tally.producers);
  json.raw("timeline", json_of(tally.timeline, tally.untimed));
  for (const auto& [code, count] : tally.codes) codes.number(code, count);
  json.raw("incidents", json_of(tally.incidents).number("outages", tally.outages).raw("codes", codes.text()).text());
  json.raw("runs", json_of(tally.runs).text()).number("heartbeats", tally.heartbeats);
  json.raw("epochs", json_of(tally.keys).text()).string("checkpoint", report.newest_checkpoint);
  std::vector<std::string> files;
  for (const HashedFile& file : report.files) files.push_back(json_of(file));
  json.raw("files", json_array(files)).number("earlier_files", tally.earlier_files);
  return json.number("earlier_lines", tally.earlier_lines).text() + "\n";
}

}  // namespace shmring::tool
