// The timeline of a report: any times fit into so many bars, and nothing is lost by that.
#include "tools/shmring/report/timeline.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <random>

using shmring::log::i64;
using shmring::log::u64;
using shmring::tool::Timeline;

namespace {

Timeline::Bar sum_of(const Timeline& timeline) {
  Timeline::Bar sum;
  for (const Timeline::Bar& bar : timeline.bars()) sum.logged += bar.logged, sum.lost += bar.lost;
  return sum;
}

}  // namespace

TEST_CASE("each second has a bar while there are few, also those that come out of order") {
  Timeline timeline;
  for (const i64 second : {1000, 1001, 1001, 1004, 998}) timeline.add(second, 1, 0);
  timeline.add(1000, 0, 7);
  CHECK(timeline.width_s() == 1);
  CHECK(timeline.begin_s() == 998);
  CHECK(timeline.end_s() == 1005);
  const std::vector<Timeline::Bar> expected{{1, 0}, {0, 0}, {1, 7}, {2, 0}, {0, 0}, {0, 0}, {1, 0}};
  CHECK(timeline.bars() == expected);
}

TEST_CASE("bars come to be wider, each at a multiple of its width, and their sums stay") {
  Timeline timeline;
  for (i64 second = 0; second < 256; ++second) timeline.add(second, 1, 0);
  CHECK(timeline.width_s() == 1);
  CHECK(timeline.bars().size() == Timeline::most_bars);
  timeline.add(256, 1, 2);
  CHECK(timeline.width_s() == 2);
  CHECK(timeline.bars().size() == 129);
  CHECK(timeline.bars().front() == Timeline::Bar{2, 0});
  CHECK(timeline.bars().back() == Timeline::Bar{1, 2});
  timeline.add(-1, 1, 0);
  CHECK(timeline.begin_s() == -2);
  CHECK(timeline.bars().front() == Timeline::Bar{1, 0});
  CHECK(sum_of(timeline) == Timeline::Bar{258, 2});
}

TEST_CASE("whatever the times are, the bars are bounded and have everything, where it belongs") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    Timeline timeline;
    Timeline::Bar sum;
    const i64 far = i64{1} << (random() % 34);
    std::vector<i64> seconds;
    for (int i = 0; i < 300; ++i) {
      const i64 second = static_cast<i64>(random() % static_cast<u64>(2 * far)) - far;
      const u64 logged = random() % 5, lost = random() % 3;
      timeline.add(second, logged, lost);
      sum.logged += logged, sum.lost += lost;
      seconds.push_back(second);
    }
    REQUIRE(timeline.bars().size() <= Timeline::most_bars);
    REQUIRE(sum_of(timeline) == sum);
    REQUIRE(timeline.begin_s() % timeline.width_s() == 0);
    for (const i64 second : seconds) REQUIRE((second >= timeline.begin_s() && second < timeline.end_s()));
  }
}

TEST_CASE("the earliest and the latest time that a line can have fit, too") {
  Timeline timeline;
  timeline.add(std::numeric_limits<i64>::min() / shmring::log::second_ns - 1, 1, 0);
  timeline.add(std::numeric_limits<i64>::max() / shmring::log::second_ns, 0, 1);
  CHECK(timeline.bars().size() <= Timeline::most_bars);
  CHECK(sum_of(timeline) == Timeline::Bar{1, 1});
}
