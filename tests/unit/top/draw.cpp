// Frames, without a terminal: golden ones at three sizes, and that no size and no byte does harm. A golden file has the frame,
// and below that the ink of each character.
#include "tools/shmring/top/draw.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/support/mode.hpp"
#include "tests/unit/top/samples.hpp"
#include "tools/shmring/top/figures.hpp"

using namespace shmring;
using namespace shmring::test;

namespace {

std::string trimmed(std::string text, char filler) { return text.substr(0, text.find_last_not_of(filler) + 1) + "\n"; }

std::string golden_of(const Frame& frame) {
  constexpr const char letters[] = ".thldgwac";
  static_assert(sizeof letters == inks + 1);
  std::string text, ink;
  for (std::size_t row = 0; row < frame.rows(); ++row) {
    text += frame.text(row) + "\n";
    std::string line;
    for (std::size_t column = 0; column < frame.columns(); ++column)
      line += letters[static_cast<std::size_t>(frame.at(row, column).ink)];
    ink += trimmed(line, '.');
  }
  return trimmed(text + "--- ink: title, heading, label, dim, good, warning, alarm, cursor\n" + ink, '\n');
}

void check_golden(const char* name, const Frame& frame) {
  const char* const set = std::getenv("SHMRING_FIXTURES");
  const std::string path = std::string(set != nullptr ? set : "tests/fixtures") + "/top/" + name;
  std::ifstream file(path);
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  const std::string drawn = golden_of(frame);
  INFO("if this is right, it belongs into ", path, ":\n", drawn);
  CHECK(golden == drawn);
}

// A ring that loses records while its disk fails, one whose collector is dead, one that was removed, one that is not permitted.
Model busy() {
  const auto rings = [](u64 at_ns, u64 part) {
    RingSample payments = test::ring("payments", at_ns), orders = test::ring("orders", at_ns), old = test::ring("old", at_ns);
    inspect::Inspection& facts = payments.look.facts;
    for (u32 entry = 0; entry < 12; ++entry)
      facts.producers.push_back(producer(entry, "worker-" + std::to_string(entry), 1000 + part * (500 + entry)));
    facts.producers.push_back(producer(12, "a-producer-with-a-very-long-name-indeed", 123'456'789 * part));
    facts.producers.push_back(producer(13, "batch", 70'000 + part * 8000, static_cast<u32>(30'000 + part * 8000)));
    if (part == 1) facts.producers.push_back(producer(14, "gone", 5));
    facts.producers[2].standing = inspect::Standing::dead;
    facts.collector.logged = 5'000'000 + part * 12'000, facts.collector.lost = 30'000 + part * 8000;
    facts.collector.losses[0] = facts.collector.lost;
    facts.collector.wakeups = part * 92, facts.collector.cpu_ns = part * 40 * ms;
    facts.collector.alarm = {3, ENOSPC, start_utc_ns - 60 * second};
    facts.collector.log.undurable_ns = start_ns - 7 * second;
    facts.lanes = {lane(0, 0, 20, 100), lane(1, 1, 1024), lane(2, 14, 800, 900), lane(3, 0, 0, 40), lane(4, 5, 1, 1)};
    orders.look.facts.collector.holds_lease = false;
    std::vector<RingSample> out{std::move(orders), std::move(payments)};
    if (part == 1) out.insert(out.begin(), std::move(old));
    out.push_back(unread("secret", -EACCES, "ring secret: no permission to open /dev/shm/shmring.secret"));
    return sample(at_ns, std::move(out));
  };
  return next(next({}, rings(start_ns, 1)), rings(start_ns + 2 * second, 2));
}

View of_payments() {
  View view;
  view.ring = "payments";
  return view;
}

}  // namespace

TEST_CASE("a screen of 80 columns and 24 rows") { check_golden("80x24.txt", draw(busy(), of_payments(), 80, 24)); }

TEST_CASE("a screen of 132 columns and 50 rows, with all digits and remedies, the cursor on the last producer") {
  View view = of_payments();
  view.scaled = false, view.more = true;
  view = after(view, Action::last, busy(), 10);
  check_golden("132x50.txt", draw(busy(), view, 132, 50));
}

TEST_CASE("a screen of 20 columns and 5 rows") { check_golden("20x5.txt", draw(busy(), of_payments(), 20, 5)); }

TEST_CASE("the help at 80 columns and 24 rows has all keys") {
  View view;
  view.help = true;
  check_golden("help.txt", draw(busy(), view, 80, 24));
}

TEST_CASE("as text, all rings are there, each with all that is known of it") {
  check_golden("text.txt", draw_whole(busy(), {}, 132));
}

TEST_CASE("without a ring, and where the rings cannot be listed, the screen says so") {
  Sample none = sample(start_ns, {});
  CHECK(draw(next({}, none), {}, 80, 24).text(1) == "no rings yet; create one: shmringd --ring NAME --log DIR");
  none.problem = "no permission";
  CHECK(draw(next({}, none), {}, 80, 24).text(1) == "no rings: no permission");
}

TEST_CASE("a frame of any size is drawn, has that size, and shows the ring's name and its troubles as soon as they have room") {
  const Model model = busy();
  for (std::size_t columns = 0; columns < 140; columns += columns < 30 ? 1 : 7) {
    for (std::size_t rows = 0; rows < 60; rows += rows < 26 ? 1 : 5) {
      if (!shmring::test::is_of_share(columns + rows, 6)) continue;
      for (View view : {View{}, of_payments()}) {
        for (const bool more : {false, true}) {
          view.more = more;
          const Frame frame = draw(model, view, columns, rows);
          REQUIRE(frame.columns() == columns);
          REQUIRE(frame.rows() == rows);
          REQUIRE(frame.page <= rows);
          view.help = more;
          draw(model, view, columns, rows);
        }
      }
    }
  }
  CHECK(draw(model, of_payments(), 24, 3).text(2).starts_with("payments collecting"));
  CHECK(draw(model, of_payments(), 60, 5).text(3).starts_with("ALARM payments: disk_failing"));
}

TEST_CASE("a frame has printable characters only, whatever is put into it, and nothing beyond its size") {
  Frame frame(6, 1);
  frame.put(0, {{"a\033\x7f"}, {"\xc3\xa9zzz"}});
  frame.put(1, {{"below"}});
  frame.paint(1, Ink::alarm);
  CHECK(frame.text(0) == "a????z");
}

TEST_CASE("no byte that a segment may have reaches the terminal, and no value makes a column wider") {
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
  Sample one = with(start_ns, {});
  inspect::Inspection& facts = one.rings[0].look.facts;
  for (u32 entry = 0; entry < 9; ++entry) {
    facts.producers.push_back(producer(entry, all.substr(entry * 30, 40), ~u64{0}));
    for (ring::Counter& counter : facts.producers.back().counters) counter.count = ~0u;
  }
  facts.header.geometry.slots = facts.header.geometry.slot_bytes = facts.header.geometry.producers = ~0u;
  facts.header.geometry.on_full = 99, facts.header.file_bytes = ~u64{0};
  facts.lanes[1].slots = 0, facts.lanes[2].tail = facts.lanes[2].high_water = ~u64{0}, facts.lanes[2].owner = ~u64{0};
  facts.collector.logged = facts.collector.lost = facts.collector.log.next_index = facts.collector.log.bytes = ~u64{0};
  facts.collector.alarm = {~u64{0}, 9999, start_utc_ns};
  facts.collector.level = ring::Level{77}, facts.collector.state = 99;
  facts.findings.add(all);
  const Model model = next(next({}, one), one);
  for (const bool scaled : {true, false}) {
    View view;
    view.scaled = scaled, view.more = true;
    const Frame frame = draw(model, view, 132, 60);
    for (std::size_t row = 0; row < frame.rows(); ++row)
      for (std::size_t column = 0; column < frame.columns(); ++column)
        REQUIRE((frame.at(row, column).text >= ' ' && frame.at(row, column).text <= '~'));
    draw_whole(model, view, 132);
  }
}

TEST_CASE("numbers are scaled where they have no room, and never cut") {
  CHECK(number_text(9999, true) == "9999");
  CHECK(number_text(10'000, true) == "10.0k");
  CHECK(number_text(123'456, true) == "123k");
  CHECK(number_text(999'999, true) == "1.0M");
  CHECK(number_text(~u64{0}, true) == "18.4E");
  CHECK(number_text(123'456'789, false, 9) == "123456789");
  CHECK(number_text(1'234'567'890, false, 9) == "1.2G");
  CHECK(rate_text({}, true) == "unknown");
  CHECK(rate_text({Rate::Kind::known, 0}, true) == "0");
  CHECK(rate_text({Rate::Kind::known, 0.25}, true) == "0.2");
  CHECK(rate_text({Rate::Kind::known, 12'345}, false, 9) == "12345");
  CHECK(rate_text({Rate::Kind::stale, 12'345}, true, 9) == "12.3k old");
  CHECK(rate_text({Rate::Kind::stale, 123'456}, false, 9) == "123k old");
  CHECK(rate_words({Rate::Kind::stale, 5}, true) == "5.0/s a while ago");
  CHECK(age_text(0) == "0 ms");
  CHECK(age_text(1) == "<1 ms");
  CHECK(age_text(99'940 * ms) == "99.9 s");
  CHECK(age_text(100 * second) == "1 min");
  CHECK(age_text(5 * 3600 * second) == "5 h");
  CHECK(age_text(~u64{0}) == "213503 d");
}

TEST_CASE("a strip shows what is not empty, and is full only if the lane is") {
  CHECK(strip_text(0, 0, 1024, 10) == "[        ]");
  CHECK(strip_text(1, 0, 1024, 10) == "[|       ]");
  CHECK(strip_text(512, 768, 1024, 10) == "[||||..  ]");
  CHECK(strip_text(1023, 0, 1024, 10) == "[||||||| ]");
  CHECK(strip_text(~u64{0} - 1, 0, ~u64{0}, 10) == "[||||||| ]");
  CHECK(strip_text(1024, 2000, 1024, 10) == "[||||||||]");
  CHECK(strip_text(5, 5, 0, 10) == "[        ]");
  CHECK(strip_text(1, 1, 2, 2) == "");
  CHECK(percent(~u64{0}, ~u64{0}) == 100);
}

TEST_CASE("long texts are broken at spaces, long words anywhere, and what is left out is marked") {
  using Texts = std::vector<std::string>;
  CHECK(wrapped("one two three", 7, 3) == Texts{"one two", "three"});
  CHECK(wrapped("abcdefghij", 4, 3) == Texts{"abcd", "efgh", "ij"});
  CHECK(wrapped("one two three four", 8, 2) == Texts{"one two", "three..."});
  CHECK(wrapped("", 8, 2).empty());
  CHECK(fitted("abcdef", 4) == "abc~");
  CHECK(fitted("abc", 0) == "");
}
