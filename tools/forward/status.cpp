// The table of hosts: see status.hpp.
#include "tools/forward/status.hpp"

#include <fmt/format.h>

#include <optional>

#include "lib/fleet/message.hpp"
#include "lib/fleet/status.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/text.hpp"

namespace shmring::tool {
namespace {

constexpr u64 silence_alarm_s = 300;
constexpr unsigned hash_threads = 1;

struct Row {
  fleet::ArchivedLogState state;
  std::optional<u64> lag;        // lines that the servers have and the archive has not
  std::optional<u64> silence_s;  // since something was committed
  std::optional<fleet::Judgement> judgement;
  std::string trouble;  // an alarm; "": none
};

// The last message of the log says which line comes next.
std::optional<u64> lag_of(const fleet::ArchivedLogState& state, fleet::PublishingEngine& engine) {
  std::optional<fleet::Stored> last;
  std::string text;
  fleet::Range range;
  const std::string subject = fleet::subject_of(fleet::log_subjects, state.name);
  if (engine.last(subject, last, text) != fleet::Outcome::done) {
    warn("receive: " + safe(text));
    return std::nullopt;
  }
  if (!last || !fleet::parse_range(last->headers, range).empty()) return u64{0};
  return range.next_index > state.archived.index ? range.next_index - state.archived.index : 0;
}

std::string trouble_of(const Row& row) {
  if (!row.state.text.empty()) return row.state.text;
  if (row.judgement && !row.judgement->holds) return row.judgement->text;
  if (row.state.conflicts > 0)
    return fmt::format("{} message{} differed from what the archive has: *.conflict in its directory", row.state.conflicts,
                       row.state.conflicts == 1 ? "" : "s");
  if (row.state.archived.wanted) return "lines are missing before what has come; the host was asked for them";
  if (row.silence_s && *row.silence_s > silence_alarm_s)
    return fmt::format("silent for {}: is its forwarder running, and its collector?",
                       duration_text(*row.silence_s * 1'000'000'000));
  return "";
}

Row row_of(const StatusRequest& request, fleet::ArchivedLogState state, fleet::PublishingEngine* engine) {
  Row row{.state = std::move(state), .lag = {}, .silence_s = {}, .judgement = {}, .trouble = ""};
  const u64 now_s = os::utc_now_ns() / 1'000'000'000;
  if (row.state.changed_utc_s != 0) row.silence_s = now_s > row.state.changed_utc_s ? now_s - row.state.changed_utc_s : 0;
  if (engine != nullptr && row.state.text.empty()) row.lag = lag_of(row.state, *engine);
  if (!request.no_verdict && row.state.text.empty()) {
    row.judgement.emplace();
    if (fleet::judge(request.root, row.state.name, hash_threads, *row.judgement) != 0)
      row.judgement->holds = false, row.judgement->text = os::last_error();
  }
  row.trouble = trouble_of(row);
  return row;
}

std::string number_or_dash(const std::optional<u64>& number) { return number ? std::to_string(*number) : "-"; }

std::string verdict_word(const Row& row) {
  if (!row.judgement) return "-";
  if (!row.judgement->holds) return "FAILS";
  return row.judgement->sealed ? "sealed" : "whole";
}

void print_table(const std::vector<Row>& rows) {
  Table table({"HOST", "RING", "LOG", ">INDEX", ">LAG", "VERDICT", ">LOST", ">SILENCE"});
  for (const Row& row : rows)
    table.row({safe(row.state.name.host), safe(row.state.name.ring), safe(row.state.name.log),
               std::to_string(row.state.archived.index), number_or_dash(row.lag), verdict_word(row),
               row.judgement ? std::to_string(row.judgement->verdict.lost.total()) : "-",
               row.silence_s ? fmt::format("{} s", *row.silence_s) : "-"});
  table.print();
  for (const Row& row : rows)
    if (!row.trouble.empty())
      fmt::print("{}/{}/{}: {}\n", safe(row.state.name.host), safe(row.state.name.ring), safe(row.state.name.log),
                 safe(row.trouble));
}

void print_json(const Row& row) {
  Json json;
  json.string("host", row.state.name.host)
      .string("ring", row.state.name.ring)
      .string("log", row.state.name.log)
      .number("index", row.state.archived.index)
      .string("file", row.state.archived.file)
      .number("bytes", row.state.bytes)
      .number("files", row.state.files)
      .number("conflicts", row.state.conflicts)
      .boolean("wanted", row.state.archived.wanted);
  if (row.lag) json.number("lag", *row.lag);
  if (row.silence_s) json.number("silence_s", *row.silence_s);
  if (row.judgement) {
    json.boolean("holds", row.judgement->holds).boolean("sealed", row.judgement->sealed).string("verdict", row.judgement->text);
    json.number("events", row.judgement->verdict.events).number("lost", row.judgement->verdict.lost.total());
  }
  json.string("trouble", row.trouble).print();
}

}  // namespace

int show_status(const StatusRequest& request, fleet::PublishingEngine* engine) {
  std::vector<fleet::ArchivedLogState> states;
  if (const int error = fleet::read_archive(request.root, states); error != 0) {
    complain(fmt::format("receive: {}", safe(os::last_error())));
    return exit_of(error);
  }
  std::vector<Row> rows;
  bool alarm = false;
  for (fleet::ArchivedLogState& state : states) {
    rows.push_back(row_of(request, std::move(state), engine));
    alarm = alarm || !rows.back().trouble.empty();
  }
  if (request.output == "json") {
    for (const Row& row : rows) print_json(row);
  } else {
    print_table(rows);
  }
  return alarm ? negative : ok;
}

}  // namespace shmring::tool
