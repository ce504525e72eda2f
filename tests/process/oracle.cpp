// The oracle itself: it accepts a true log, and finds each of these damages.
#include "tests/support/oracle.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>

#include "tests/support/daemon.hpp"
#include "tests/support/log_text.hpp"

using namespace shmring::test;

namespace {

using Lines = std::vector<std::string>;

Lines lines_of(const std::string& text) {
  Lines lines;
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != text.npos; at = end + 1)
    lines.push_back(text.substr(at, end - at));
  return lines;
}

// The first line that has all of `words`.
std::size_t line_with(const Lines& lines, std::initializer_list<const char*> words) {
  for (std::size_t n = 0; n < lines.size(); ++n)
    if (std::all_of(words.begin(), words.end(), [&](const char* word) { return lines[n].find(word) != std::string::npos; }))
      return n;
  FAIL("no such line in the log");
  return 0;
}

void swap_text(std::string& line, const std::string& from, const std::string& to) {
  const std::size_t at = line.find(from);
  REQUIRE(at != line.npos);
  line.replace(at, from.size(), to);
}

// Indexes as they must be, so that they do not give the damage away.
void number_again(Lines& lines) {
  for (std::size_t n = 0; n < lines.size(); ++n) {
    const std::size_t at = lines[n].find("\"index\":") + 8;
    lines[n].replace(at, lines[n].find(',', at) - at, std::to_string(n));
  }
}

const std::vector<std::pair<const char*, void (*)(Lines&)>> damages = {
    {"an event is missing", [](Lines& l) { l.erase(l.begin() + static_cast<long>(line_with(l, {"\"event\""}))); }},
    {"an event is there twice",
     [](Lines& l) {
       const std::size_t n = line_with(l, {"\"event\""});
       l.insert(l.begin() + static_cast<long>(n), l[n]);
     }},
    {"a loss line is missing", [](Lines& l) { l.erase(l.begin() + static_cast<long>(line_with(l, {"\"loss\""}))); }},
    {"a byte of a payload is another",
     [](Lines& l) {
       std::string& line = l[line_with(l, {"\"event\"", "\"data\":\""})];
       char& byte = line[line.find("\"data\":\"") + 8];
       byte = byte == 'x' ? 'y' : 'x';
     }},
    {"a severity is another",
     [](Lines& l) {
       swap_text(l[line_with(l, {"\"event\"", "\"sev\":3"})], "\"sev\":3", "\"sev\":4");
     }},
    {"a correlation is missing",
     [](Lines& l) {
       std::string& line = l[line_with(l, {"\"corr\""})];
       line.erase(line.find("\"corr\""), 42);
     }},
    {"a cause is another",
     [](Lines& l) {
       swap_text(l[line_with(l, {"\"loss\"", "too_big\":1}"})], "too_big", "died");
     }},
    {"a written record is accounted lost",
     [](Lines& l) {
       std::string& line = l[line_with(l, {"\"event\""})];
       const Object event(line);
       const std::string sequence(event["seq"]), head = line.substr(0, line.find(",\"seq\""));
       line = head + ",\"first\":" + sequence + ",\"last\":" + sequence + ",\"count\":1,\"causes\":{\"full\":1}}";
       swap_text(line, "\"kind\":\"event\"", "\"kind\":\"loss\"");
     }},
    {"a closing line is missing", [](Lines& l) { l.erase(l.begin() + static_cast<long>(line_with(l, {"\"detach\""}))); }},
    {"a closing line is there twice",
     [](Lines& l) {
       const std::size_t n = line_with(l, {"\"detach\""});
       l.insert(l.begin() + static_cast<long>(n), l[n]);
     }},
    {"a detached producer is said to have died",
     [](Lines& l) { swap_text(l[line_with(l, {"\"detach\""})], "detach", "died"); }},
    {"nested calls are not counted",
     [](Lines& l) { swap_text(l[line_with(l, {"\"detach\""})], "\"nested\":0", "\"nested\":1"); }},
};

}  // namespace

TEST_CASE("the oracle finds each damage to a true log") {
  Workplace place;
  Daemon daemon(place, {"--slots", "256"});
  REQUIRE(daemon.collects());
  std::vector<Child> producers;
  for (int i = 0; i < 4; ++i) {
    Journal& journal = place.journal(3'000);
    producers.emplace_back([&] { return produce(Workplace::ring, journal, {SHMRING_LANE_AUTO, 3'000, 300, 500}); });
  }
  for (Child& producer : producers) CHECK(producer.wait() == 0);
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  const Findings whole = consult(place.log, place.journals);
  CHECK_MESSAGE(whole.problems.empty(), whole.text());
  const std::string file = log_files(place.log)[0], text = contents(file);
  for (const auto& item : damages) {
    Lines lines = lines_of(text);
    item.second(lines);
    number_again(lines);
    {
      std::ofstream out(file, std::ios::trunc);
      for (const std::string& line : lines) out << line << '\n';
    }
    const Findings found = consult(place.log, place.journals);
    const bool seen = std::any_of(found.problems.begin(), found.problems.end(),
                                  [](const std::string& problem) { return !problem.starts_with("verify:"); });
    CHECK_MESSAGE(seen, item.first);
  }
  report("the oracle itself: %zu damages to a log, each found without the library's verify", damages.size());
}

TEST_CASE("where records are overwritten, the oracle finds a written one that is lost under another cause, or not lost") {
  Workplace place;
  Daemon daemon(place, {"--slots", "256", "--on-full", "overwrite"});
  REQUIRE(daemon.collects());
  daemon.process.stop();  // so that there is something to overwrite
  Journal& journal = place.journal(1'000);
  CHECK(Child([&] { return produce(Workplace::ring, journal, {SHMRING_LANE_SHARED, 1'000}); }).wait() == 0);
  daemon.process.go_on();
  CHECK(all_closed());
  CHECK(daemon.end() == 0);
  Expectation expected;
  expected.overwriting = true;
  const Findings whole = consult(place.log, place.journals, expected);
  CHECK_MESSAGE(whole.problems.empty(), whole.text());
  CHECK_FALSE(consult(place.log, place.journals).problems.empty());
  const std::string file = log_files(place.log)[0], text = contents(file);
  for (const char* cause : {"full", "corrupt", "timeout", "died"}) {
    std::string damaged = text;
    for (std::size_t at; (at = damaged.find("overwritten")) != text.npos;) damaged.replace(at, 11, cause);
    std::ofstream(file, std::ios::trunc) << damaged;
    const Findings found = consult(place.log, place.journals, expected);
    CHECK_MESSAGE(std::any_of(found.problems.begin(), found.problems.end(),
                              [](const std::string& problem) { return !problem.starts_with("verify:"); }),
                  cause);
  }
}
