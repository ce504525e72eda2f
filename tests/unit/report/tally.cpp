// The sums of a report: they are those of verify, whatever the log has, and memory is bounded.
#include "tools/shmring/report/tally.hpp"

#include <doctest/doctest.h>

#include "tests/unit/log/support.hpp"

using namespace log_test;
using namespace shmring::tool;

namespace {

ProducerSum total_of(const Producers& producers, std::size_t most) {
  ProducerSum total;
  for (const ProducerSum& row : producers.top(most, total)) total += row;
  return total;
}

// Takes a line as verify hands it on.
void take(Tally& tally, const std::string& text, u64 index = 0, std::string_view file = "file") {
  Parsed line{};
  Mistake mistake{};
  REQUIRE_MESSAGE(parse(text, line, mistake), text, " ", mistake.expected);
  LogLine at{};
  at.text = text, at.file = file, at.index = index, at.whole = true;
  tally.take(at, line);
}

std::string text_of_line(const Line& line, u64 index = 0) {
  std::string out;
  Encoder("ring").encode(line, index, out);
  out.pop_back();
  return out;
}

}  // namespace

TEST_CASE("a tally of a log has the numbers of verify, by producer and cause") {
  const Directory dir;
  {
    TestLog log(dir.log());
    REQUIRE(log.append(small_batch()) == 0);
    REQUIRE(log.append({Note{"incident", 5'000'000'000, {{"what", "it rained"}, {"code", "rain"}}}}) == 0);
  }
  Verdict verdict;
  Tally tally;
  REQUIRE(verify(dir.log(), verdict, &tally) == 0);
  REQUIRE(verdict.proven);
  const ProducerSum total = total_of(tally.producers, 100);
  CHECK(total.logged == verdict.events);
  CHECK(total.lost == verdict.lost);
  CHECK(verdict.lost.total() > 0);
  ProducerSum rest;
  const std::vector<ProducerSum> rows = tally.producers.top(100, rest);
  REQUIRE(rows.size() == 2);
  CHECK(rest.attempted() == 0);
  CHECK(rows[0].name == "pay");  // with most losses
  CHECK(rows[0].lost == causes({{Cause::full, 2}, {Cause::refused, 1}}));
  CHECK(rows[0].died == 1);
  CHECK(rows[1].name == "audit");
  u64 lines = 0;
  for (const FileSum& file : tally.files) lines += file.lines;
  CHECK(lines == verdict.lines);
  CHECK(tally.files.size() == verdict.files);
  REQUIRE(tally.incidents.count == 1);
  CHECK(tally.incidents.newest.front().pairs.starts_with("\"what\":\"it rained\",\"code\":\"rain\""));
  CHECK(tally.codes == std::vector<std::pair<std::string, u64>>{{"rain", 1}});
  u64 logged = 0, lost = 0;
  for (const Timeline::Bar& bar : tally.timeline.bars()) logged += bar.logged, lost += bar.lost;
  CHECK(logged + lost + tally.untimed == total.attempted());
}

TEST_CASE("a log that deviates is counted up to there, and a tally that begins again has nothing of before") {
  const Directory dir;
  {
    TestLog log(dir.log());
    REQUIRE(log.append(small_batch()) == 0);
  }
  const fs::path file = log_files(dir.log()).front();
  std::string text = content(file);
  text.replace(text.find("\"count\":3"), 9, "\"count\":4");
  put_content(file, text);
  Verdict verdict;
  Tally tally;
  for (int round = 0; round < 2; ++round) {
    REQUIRE(verify(dir.log(), verdict, &tally) == 0);
    CHECK_FALSE(verdict.proven);
    CHECK(total_of(tally.producers, 100).attempted() == verdict.events + verdict.lost.total());
    CHECK(tally.files.front().lines == verdict.lines);
  }
}

TEST_CASE("of any number of producers those with most losses are kept, and the sums stay exact") {
  Producers producers;
  ProducerSum total;
  const u64 many = 10 * Producers::most_kept;
  for (u64 i = 0; i < many; ++i) {
    ProducerSum& row = producers.of("p" + std::to_string(i));
    row.logged += i % 7, total.logged += i % 7;
    if (i % 1000 == 3) row.lost[Cause::full] += i, total.lost[Cause::full] += i;
  }
  ++producers.of(std::string(Producers::most_name_bytes + 1, 'x')).logged, ++total.logged;
  CHECK(producers.count() <= 2 * Producers::most_kept);
  CHECK_FALSE(producers.is_complete());
  const ProducerSum all = total_of(producers, 100);
  CHECK(all.logged == total.logged);
  CHECK(all.lost == total.lost);
  ProducerSum rest;
  const std::vector<ProducerSum> rows = producers.top(5, rest);
  REQUIRE(rows.size() == 5);
  CHECK(rows[0].name == "p10003");
  CHECK(rows[0].is_partial);
  CHECK(rows[1].name == "p9003");
  // One that was there from the start, and has losses, is still whole.
  CHECK_FALSE(producers.of("p3").is_partial);
  CHECK(producers.of("p3").lost[Cause::full] == 3);
}

TEST_CASE("of incidents the newest are kept, all are counted, and a long one is there without its text") {
  Tally tally;
  for (u64 i = 0; i < 500; ++i)
    take(tally, text_of_line(Note{"incident", 1'000'000'000 * i, {{"code", "c" + std::to_string(i)}}}, i), i);
  CHECK(tally.incidents.count == 500);
  CHECK(tally.incidents.newest.size() == Occurrences::most_kept);
  CHECK(tally.incidents.newest.back().index == 499);
  CHECK(tally.codes.size() == Tally::most_codes + 1);
  u64 counted = 0;
  for (const auto& [code, count] : tally.codes) counted += count;
  CHECK(counted == 500);
  take(tally, text_of_line(Note{"incident", 0, {{"what", std::string(10'000, 'x')}}}, 500));
  CHECK(tally.incidents.newest.back().is_cut);
  CHECK(tally.incidents.newest.back().pairs.empty());
}

TEST_CASE("outages, runs, epochs and heartbeats are told apart") {
  Tally tally;
  take(tally, text_of_line(Note{"incident", 0, {{"what", "w"}, {"from", "a"}, {"to", "b"}, {"code", "disk_full"}}}));
  take(tally, text_of_line(Note{"incident", 0, {{"what", "w"}, {"from", "a"}}}));
  for (const char* kind : {"start", "stop", "recovery", "config", "retain", "clock", "heartbeat", "key", "rotate"})
    take(tally, text_of_line(Note{kind, 0, {{"x", "1", true}}}));
  CHECK(tally.incidents.count == 2);
  CHECK(tally.outages == 1);
  CHECK(tally.runs.count == 6);
  CHECK(tally.keys.count == 1);
  CHECK(tally.heartbeats == 1);
}

TEST_CASE("of files the newest are kept one by one, and the lines of the others are counted") {
  Tally tally;
  const std::string text = text_of_line(Note{"heartbeat", 0, {}});
  for (u64 i = 0; i < 2 * (Tally::most_files + 10); ++i) take(tally, text, i, "file" + std::to_string(i / 2));
  CHECK(tally.files.size() == Tally::most_files);
  CHECK(tally.earlier_files == 10);
  CHECK(tally.earlier_lines == 20);
}
