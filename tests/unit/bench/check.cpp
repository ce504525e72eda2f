// Rows to reach: each verdict, from figures made up. And the picture's bounds.
#include "tools/bench/check.hpp"

#include <doctest/doctest.h>

#include "tools/bench/report.hpp"

using namespace shmring::bench;

namespace {

const Job live64{Measure::live, 64};
constexpr double near_ns = 120;

// A run of as many rounds as are judged, all with cores so far apart.
Report report_of(double round_trip_ns) {
  Report report;
  report.machine.processors = 2;
  report.rounds = enough_rounds;
  report.trips.assign(enough_rounds + 1, {round_trip_ns, round_trip_ns});
  return report;
}
// Puts the figures of the rounds there; if these are few, again and again until there are enough.
void put(Report& report, const char* transport, const Job& job, const std::vector<double>& figures) {
  std::vector<double> rounds;
  while (!figures.empty() && rounds.size() < enough_rounds * figures.size())
    rounds.push_back(figures[rounds.size() % figures.size()]);
  const auto trips = report.trips.size();
  report.rounds = std::max(report.rounds, static_cast<u32>(rounds.size()));
  report.trips.resize(std::max(trips, rounds.size() + 1), report.trips.back());
  report.transports.push_back(transport);
  report.figures.push_back({transport, Role::floor, job, std::move(rounds)});
}

const Row at_most{"", {"ours", live64}, false, {"floor", live64}, 1.3, 0, 0};
const Row at_least{"", {"ours", live64}, true, {"floor", live64}, 0.5, 0, 0};

// The line of near cores, or of all.
Line first_line(const Row& row, const Report& report) { return judge(row, report).front(); }

// `third` is the figure of the row's stand-in, or other bound, in each round.
Verdict verdict(const Row& row, const std::vector<double>& ours, const std::vector<double>& floor, const char* name = "",
                const std::vector<double>& third = {}) {
  Report report = report_of(near_ns);
  put(report, name, row.figure.job, third);
  put(report, "ours", row.figure.job, ours);
  put(report, "floor", row.figure.job, floor);
  return first_line(row, report).verdict;
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

TEST_CASE("a row that depends on the distance is judged by the near rounds and by the far ones; another one by all") {
  Report report = report_of(near_ns);
  for (const double ns : {120., 249., 251., 500.}) {
    for (int i = 0; i < 8; ++i) report.trips.push_back({ns, ns});
  }
  report.trips.erase(report.trips.begin(), report.trips.begin() + enough_rounds + 1);
  report.trips.push_back({500, 500});
  std::vector<double> ours, floor;
  for (int round = 0; round < 32; ++round) ours.push_back(round < 16 ? 12 : 14), floor.push_back(10);
  report.rounds = 32;
  report.figures = {{"ours", Role::floor, live64, ours}, {"floor", Role::floor, live64, floor}};
  const std::vector<Line> lines = judge(at_most, report);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].cores == Cores::near);
  CHECK(lines[0].verdict == Verdict::ok);
  CHECK(lines[0].figure == 12);
  CHECK(lines[0].reason == "15 of 32 rounds");  // in the sixteenth they went apart
  CHECK(lines[1].cores == Cores::far);
  CHECK(lines[1].verdict == Verdict::failed);
  CHECK(lines[1].figure == 14);
  CHECK(lines[1].reason == "16 of 32 rounds");
  Row row = at_most;
  row.by_distance = false;
  REQUIRE(judge(row, report).size() == 1);
  CHECK(first_line(row, report).cores == Cores::any);
  CHECK(first_line(row, report).figure == 13);
}

TEST_CASE("what few rounds saw is not judged") {
  Report report = report_of(500);
  put(report, "ours", live64, {99});
  put(report, "floor", live64, {10});
  CHECK(judge(at_most, report)[0].verdict == Verdict::unseen);
  CHECK(judge(at_most, report)[0].reason == "0 of 8 rounds");
  CHECK(judge(at_most, report)[1].verdict == Verdict::failed);
  report.figures[1].rounds.back() = 0;
  CHECK(judge(at_most, report)[1].verdict == Verdict::unseen);
  CHECK(judge(at_most, report)[1].reason == "7 of 8 rounds");
  report = report_of(0);  // one processor: the distance is not known
  put(report, "ours", live64, {99});
  put(report, "floor", live64, {10});
  CHECK(judge(at_most, report)[0].verdict == Verdict::failed);
}

TEST_CASE("what was not measured is never ok") {
  CHECK(verdict(at_most, {}, {10}) == Verdict::missing);
  CHECK(verdict(at_most, {12}, {}) == Verdict::missing);
  CHECK(verdict(at_most, {0, 0}, {10, 10}) == Verdict::missing);
  CHECK(verdict(at_most, {12, 0}, {0, 10}) == Verdict::missing);
  CHECK(verdict(at_most, {12, 0}, {10, 10}) == Verdict::ok);
  CHECK(first_line(at_most, report_of(near_ns)).verdict == Verdict::missing);
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
  CHECK(first_line(row, report).verdict == Verdict::failed);
  CHECK(first_line(row, report).bound == 8);
  report.figures.pop_back();
  put(report, "other", polite, {40, 100, 40});
  CHECK(first_line(row, report).verdict == Verdict::ok);
}

TEST_CASE("the floor is judged beside a row: where it is beyond the bound too, it is the reason, and the row does not fail") {
  Row row = at_most;
  row.stand_in = "bare";
  Report report = report_of(near_ns);
  put(report, "ours", live64, {20});
  put(report, "floor", live64, {10});
  put(report, "bare", live64, {15});
  CHECK(first_line(row, report).reason == "bare itself: 15.0 ns, beyond it");
  CHECK(first_line(row, report).verdict == Verdict::floor);
  const auto all = [](double figure) { return std::vector<double>(enough_rounds, figure); };
  report.figures.front().rounds = all(900);
  CHECK(first_line(row, report).verdict == Verdict::failed);
  report.figures.front().rounds = all(20);
  report.figures.back().rounds = all(11);
  CHECK(first_line(row, report).reason == "bare itself: 11.0 ns, within it");
  CHECK(first_line(row, report).verdict == Verdict::failed);
  report.figures.back().rounds = {};
  CHECK(first_line(row, report).verdict == Verdict::failed);
  report.figures.front().rounds = all(13);
  report.figures.back().rounds = all(15);
  CHECK(first_line(row, report).verdict == Verdict::ok);
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

TEST_CASE("a crowd makes rounds of its own, of which the medians are compared") {
  const Row row{"", {"crowd", {Measure::flood, 64, 8190}}, false, {"crowd", {Measure::flood, 64, 8}}, 1.3, 0, 0, false};
  Report report = report_of(near_ns);
  put(report, "crowd", row.figure.job, {10, 13, 99});
  put(report, "crowd", row.reference.job, {99, 10, 1});
  CHECK(first_line(row, report).verdict == Verdict::ok);  // by pairs: 0.08, 1, 76
  CHECK(first_line(row, report).of_bound == 1);
}

TEST_CASE("of a rate, the floor is the reason where it is no higher than 1.3 times ours") {
  Row row = at_least;
  row.stand_in = "bare";
  CHECK(verdict(row, {4}, {10}, "bare", {4.9}) == Verdict::floor);
  CHECK(verdict(row, {3}, {10}, "bare", {4.9}) == Verdict::failed);
}

TEST_CASE("another figure may be the bound, where it is larger") {
  Row row = at_most;
  row.or_bound = {"other", live64};
  CHECK(verdict(row, {14}, {10}, "other", {12}) == Verdict::failed);
  CHECK(verdict(row, {14}, {10}, "other", {14}) == Verdict::ok);
}

TEST_CASE("a reference may be the lesser of two") {
  Row row = at_least;
  row.or_reference = {"other", live64};
  Report report = report_of(near_ns);
  put(report, "ours", live64, {5, 5});
  put(report, "floor", live64, {10, 99});
  CHECK(first_line(row, report).verdict == Verdict::missing);
  put(report, "other", live64, {99, 10});
  CHECK(first_line(row, report).verdict == Verdict::ok);
  CHECK(first_line(row, report).bound == 5);
  report.figures.back().rounds.assign(2 * enough_rounds, 0);
  CHECK(first_line(row, report).verdict == Verdict::missing);
}

TEST_CASE("a run is negative where a figure was not reached or not measured, or was not seen at any distance") {
  const auto line = [](const char* what, Verdict verdict) { return Line{what, Cores::any, Unit::ns, false, 0, 0, 0, verdict}; };
  CHECK(falls_short({line("", Verdict::failed)}));
  CHECK(falls_short({line("", Verdict::missing)}));
  CHECK(!falls_short({line("", Verdict::ok), line("", Verdict::unseen), line("", Verdict::floor), line("", Verdict::crowded)}));
  CHECK(falls_short({line("a", Verdict::ok), line("b", Verdict::unseen), line("b", Verdict::unseen)}));
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
  CHECK(value_text(unit_of(Measure::hashed), 8e6) == "8.0 M/s");
  CHECK(value_text(unit_of(Measure::proof), 1522) == "1522 B");
  CHECK(value_text(unit_of(Measure::verified), 1.5e6) == "1.5 ms");
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
  for (const Measure measure : {Measure::encode, Measure::hashed, Measure::stages, Measure::idle, Measure::quiet})
    CHECK(!report.crowded({measure, 64}));
  for (const Measure measure : {Measure::handoff, Measure::logged, Measure::beside, Measure::finished, Measure::live})
    CHECK(report.crowded({measure, 64}));
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
