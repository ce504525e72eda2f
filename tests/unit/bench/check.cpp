// Rows to reach: each verdict, from figures made up. And the picture's bounds.
#include "tools/bench/check.hpp"

#include <doctest/doctest.h>

#include "tools/bench/report.hpp"

using namespace shmring::bench;

namespace {

const Job live64{Measure::live, 64};
constexpr double near_ns = 120;

Report report_of(double round_trip_ns) {
  Report report;
  report.machine.processors = 2;
  report.trips = {{round_trip_ns, round_trip_ns}};
  return report;
}
void put(Report& report, const char* transport, const Job& job, std::vector<double> rounds) {
  report.transports.push_back(transport);
  report.figures.push_back({transport, Role::floor, job, std::move(rounds)});
}

const Row at_most{"", {"ours", live64}, false, {"floor", live64}, 1.3, 0, 0};
const Row at_least{"", {"ours", live64}, true, {"floor", live64}, 0.5, 0, 0};

Verdict verdict(const Row& row, std::vector<double> ours, std::vector<double> floor, double round_trip_ns = near_ns) {
  Report report = report_of(round_trip_ns);
  put(report, "ours", row.figure.job, std::move(ours));
  put(report, "floor", row.figure.job, std::move(floor));
  return judge(row, report).verdict;
}

}  // namespace

TEST_CASE("a row fails when its figure exceeds its bound, or falls short of it") {
  CHECK(verdict(at_most, {13}, {10}) == Verdict::ok);
  CHECK(verdict(at_most, {13.1}, {10}) == Verdict::failed);
  CHECK(verdict(at_least, {5}, {10}) == Verdict::ok);
  CHECK(verdict(at_least, {4.9}, {10}) == Verdict::failed);
}

TEST_CASE("the bound is a factor and an addition, or another factor where that is more, or a constant") {
  Row row = at_most;
  row.factor = 1, row.extra = 20, row.or_factor = 1.8;
  CHECK(verdict(row, {40}, {20}) == Verdict::ok);
  CHECK(verdict(row, {40.1}, {20}) == Verdict::failed);
  CHECK(verdict(row, {180}, {100}) == Verdict::ok);
  CHECK(verdict(row, {180.1}, {100}) == Verdict::failed);
  row.reference = {nullptr, {}}, row.factor = row.or_factor = 0, row.extra = 30;
  CHECK(verdict(row, {30}, {1}) == Verdict::ok);
  CHECK(verdict(row, {31}, {1}) == Verdict::failed);
}

TEST_CASE("each round is compared with its own, and the median of these decides") {
  // The machine slows down to a tenth: unpaired, the medians would be 12 and 100.
  CHECK(verdict(at_most, {12, 12, 120, 120, 12}, {10, 10, 100, 100, 10}) == Verdict::ok);
  CHECK(verdict(at_most, {14, 14, 140, 14, 14}, {10, 10, 100, 100, 100}) == Verdict::failed);
  CHECK(verdict(at_most, {99, 12, 12}, {10, 10, 10}) == Verdict::ok);
}

TEST_CASE("far apart, a row that depends on the distance is neither ok nor failed, and says how far") {
  CHECK(verdict(at_most, {12}, {10}, 500) == Verdict::far);
  CHECK(verdict(at_most, {99}, {10}, 251) == Verdict::far);
  CHECK(verdict(at_most, {99}, {10}, 249) == Verdict::failed);
  CHECK(verdict(at_most, {99}, {10}, 0) == Verdict::failed);  // not known
  Row row = at_most;
  row.by_distance = false;
  CHECK(verdict(row, {99}, {10}, 500) == Verdict::failed);
  Report report = report_of(500);
  put(report, "ours", live64, {12});
  put(report, "floor", live64, {10});
  CHECK(judge(at_most, report).reason.find("500 ns") != std::string::npos);
}

TEST_CASE("what was not measured is never ok") {
  CHECK(verdict(at_most, {}, {10}) == Verdict::missing);
  CHECK(verdict(at_most, {12}, {}) == Verdict::missing);
  CHECK(verdict(at_most, {0, 0}, {10, 10}) == Verdict::missing);
  CHECK(verdict(at_most, {12, 0}, {0, 10}) == Verdict::missing);
  CHECK(verdict(at_most, {12, 0}, {10, 10}) == Verdict::ok);
  CHECK(judge(at_most, report_of(near_ns)).verdict == Verdict::missing);
}

TEST_CASE("in a run that is near on the whole, rounds beside which the cores were far apart are not judged, and counted") {
  Report report = report_of(near_ns);
  report.rounds = 4;
  report.trips = {{500, 500}, {100, 100}, {100, 100}, {100, 100}, {100, 251}};
  put(report, "ours", live64, {20, 12, 13, 20});
  put(report, "floor", live64, {10, 10, 10, 10});
  const Line line = judge(at_most, report);
  CHECK(line.verdict == Verdict::ok);
  CHECK(line.figure == 12.5);
  CHECK(line.reason == "of the 2 of 4 rounds with near cores");
  Row row = at_most;
  row.by_distance = false;
  CHECK(judge(row, report).verdict == Verdict::failed);
  report.trips[1] = report.trips[2] = {500, 500};
  CHECK(judge(at_most, report).verdict == Verdict::far);
  CHECK(judge(at_most, report).figure == 16.5);                                 // of all
  report.trips = {{100, 100}, {500, 500}, {100, 100}, {500, 500}, {100, 100}};  // near in the median, and beside no round
  CHECK(judge(at_most, report).verdict == Verdict::far);
}

TEST_CASE("a row that needs processors is not judged where there are too few") {
  Row row = at_most;
  row.needs_cores = true;
  CHECK(verdict(row, {99}, {10}) == Verdict::failed);
  row.figure.job.producers = 2;
  CHECK(verdict(row, {99}, {10}) == Verdict::crowded);
}

TEST_CASE("of both readers the one counts that makes the alternative cheaper") {
  Row row{"", {"ours", live64}, false, {"other", live64, true}, 0.5, 0, 0};
  Report report = report_of(near_ns);
  put(report, "ours", live64, {10, 10, 10});
  put(report, "other", live64, {100, 12, 0});
  Job polite = live64;
  polite.polite = true;
  put(report, "other", polite, {16, 100, 18});
  CHECK(judge(row, report).verdict == Verdict::failed);
  CHECK(judge(row, report).bound == 8);
  report.figures.back().rounds = {40, 100, 40};
  CHECK(judge(row, report).verdict == Verdict::ok);
}

TEST_CASE("the floor is judged beside a row: where it is beyond the bound too, it is the reason, and the row does not fail") {
  Row row = at_most;
  row.stand_in = "bare";
  Report report = report_of(near_ns);
  put(report, "ours", live64, {20});
  put(report, "floor", live64, {10});
  put(report, "bare", live64, {15});
  CHECK(judge(row, report).reason == "bare itself: 15.0 ns, beyond it");
  CHECK(judge(row, report).verdict == Verdict::floor);
  report.figures.front().rounds = {900};
  CHECK(judge(row, report).verdict == Verdict::failed);
  report.figures.front().rounds = {20};
  report.figures.back().rounds = {11};
  CHECK(judge(row, report).reason == "bare itself: 11.0 ns, within it");
  CHECK(judge(row, report).verdict == Verdict::failed);
  report.figures.back().rounds = {};
  CHECK(judge(row, report).verdict == Verdict::failed);
  report.figures.front().rounds = {13};
  report.figures.back().rounds = {15};
  CHECK(judge(row, report).verdict == Verdict::ok);
}

TEST_CASE("a reader who is to drain at once is outrun where one writer leaves more than a 16th of the ring to him") {
  CHECK_FALSE(is_outrun(live64, false, bench_slots / 16));
  CHECK(is_outrun(live64, false, bench_slots / 16 + 1));
  CHECK_FALSE(is_outrun(live64, true, bench_slots));  // he has no processor of his own
  CHECK_FALSE(is_outrun({Measure::live, 64, 2}, false, bench_slots));
  CHECK(is_outrun({Measure::live, 8192}, false, bench_large_slots / 16 + 1));
  CHECK(is_outrun({Measure::calls, 64}, false, bench_slots));
  for (Measure measure : {Measure::quiet, Measure::rate, Measure::full, Measure::logged})
    CHECK_FALSE(is_outrun({measure, 64}, false, bench_slots));
}

TEST_CASE("a run is negative where a figure was not reached or not measured, not where it is far") {
  CHECK(falls_short({{"", Unit::ns, false, 0, 0, 0, Verdict::failed}}));
  CHECK(falls_short({{"", Unit::ns, false, 0, 0, 0, Verdict::missing}}));
  CHECK(!falls_short({{"", Unit::ns, false, 0, 0, 0, Verdict::ok},
                      {"", Unit::ns, false, 0, 0, 0, Verdict::far},
                      {"", Unit::ns, false, 0, 0, 0, Verdict::floor},
                      {"", Unit::ns, false, 0, 0, 0, Verdict::crowded}}));
}

TEST_CASE("the rows to reach can be told apart, and have bounds") {
  Report report = report_of(near_ns);
  for (const Row& row : rows_to_reach()) {
    CHECK((row.factor != 0 || row.extra != 0));
    CHECK((row.reference.transport != nullptr || row.factor == 0));
    for (const Row& other : rows_to_reach()) CHECK((&row == &other || std::string(row.what) != other.what));
  }
}

TEST_CASE("a figure has the unit of its measure, and the best of a rate is the largest") {
  CHECK(value_text(unit_of(Measure::live), 12.34) == "12.3 ns");
  CHECK(value_text(unit_of(Measure::handoff), 987'654) == "987.7 µs");
  CHECK(value_text(unit_of(Measure::handoff), 1.5e6) == "1.5 ms");
  CHECK(value_text(unit_of(Measure::logged), 1.25e6) == "1.2 M/s");
  CHECK(value_text(unit_of(Measure::encode), 8e6) == "8.0 M/s");
  CHECK(value_text(unit_of(Measure::idle), 44.4) == "44 /s");
  CHECK(value_text(Unit::ns, 0) == "–");
  for (const Measure measure : {Measure::rate, Measure::logged, Measure::encode})
    CHECK(Figure{"", Role::collector, {measure, 64}, {2, 3, 1}}.best() == 3);
  for (const Measure measure : {Measure::live, Measure::handoff, Measure::idle})
    CHECK(Figure{"", Role::collector, {measure, 64}, {2, 3, 1}}.best() == 1);
}

TEST_CASE("what a figure is made of is kept by round") {
  Report report = report_of(near_ns);
  const Job job{Measure::stages, 64};
  for (const double ns : {1.0, 5.0, 3.0}) {
    Round round;
    round.figure = 3 * ns, round.parts = {{"walk", ns}, {"write", 2 * ns}};
    report.add("collector", Role::collector, job, round);
  }
  const Figure* figure = report.find("collector", job);
  REQUIRE(figure != nullptr);
  REQUIRE(figure->parts.size() == 2);
  CHECK(figure->parts[0].name == "walk");
  CHECK(median_of(figure->parts[0].rounds) == 3);
  CHECK(median_of(figure->parts[1].rounds) == 6);
}

TEST_CASE("what one process does alone is not crowded; one collector and one writer are, on one processor") {
  Report report = report_of(near_ns);
  report.machine.processors = 1;
  for (const Measure measure : {Measure::encode, Measure::stages, Measure::idle, Measure::quiet})
    CHECK(!report.crowded({measure, 64}));
  for (const Measure measure : {Measure::handoff, Measure::logged, Measure::live}) CHECK(report.crowded({measure, 64}));
}

TEST_CASE("a picture of nothing is one, and hostile names are harmless in it") {
  CHECK(svg(report_of(near_ns)).ends_with("</svg>\n"));
  Report report = report_of(near_ns);
  report.machine.processor = "<&>\x01";
  put(report, "a<b", {Measure::rate, 64}, {1e6});
  const std::string picture = svg(report);
  CHECK(picture.find("a&lt;b") != std::string::npos);
  CHECK(picture.find("&lt;&amp;&gt;,") != std::string::npos);
  CHECK(picture.find("<b") == std::string::npos);
}
