// When a trouble has begun, lasts and is over, and what is then said of it: by times that are made up.
#include "lib/collect/outage.hpp"

#include <doctest/doctest.h>

#include <cerrno>

namespace {

using namespace shmring::collect;
using News = Condition::News;

constexpr u64 millisecond = 1'000'000, second = 1'000 * millisecond;
constexpr u64 utc = u64{1'800'000'000} * second;

Moment at(u64 ns) { return {ns, utc + ns}; }

}  // namespace

TEST_CASE("an outage is over when all has been well for a second, and says when it began and ended, why, and how often") {
  Condition condition;
  CHECK(condition.look({}, at(second)) == News::none);
  u64 now = 2 * second;
  CHECK(condition.look({true, -ENOSPC, 1, 10, second}, at(now)) == News::begun);
  CHECK(condition.is_bad());
  for (int i = 2; i <= 20; ++i)
    CHECK(condition.look({true, -ENOSPC, u64(i), 10, second}, at(now += 100 * millisecond)) == News::none);
  const u64 well = now += 100 * millisecond;
  CHECK(condition.look({false, 0, 20, 10, second}, at(well)) == News::none);
  CHECK(!condition.is_bad());
  CHECK(condition.look({false, 0, 20, 17, well + millisecond}, at(well + 500 * millisecond)) == News::none);
  CHECK(condition.look({false, 0, 20, 99, well + 900 * millisecond}, at(well + second - 1)) == News::none);
  CHECK(condition.look({false, 0, 20, 99, well + 900 * millisecond}, at(well + second)) == News::over);
  CHECK(condition.outage().error == -ENOSPC);
  CHECK(condition.outage().from.utc_ns == utc + 2 * second);
  CHECK(condition.outage().to.utc_ns == utc + well);
  CHECK(condition.outage().retries == 19);
  CHECK(condition.outage().refused == 7);  // what came later is not its doing
  CHECK(condition.look({}, at(well + 2 * second)) == News::none);
  CHECK(!condition.is_open());
}

TEST_CASE("a disk that comes and goes is one outage") {
  Condition condition;
  u64 now = second, failures = 0, news = 0;
  for (int i = 0; i < 300; ++i) {
    news += condition.look({true, -EIO, ++failures, 0, 0}, at(now += 50 * millisecond)) != News::none;
    news += condition.look({false, 0, failures, 0, now}, at(now += 50 * millisecond)) != News::none;
  }
  CHECK(news == 1);
  CHECK(condition.look({false, 0, failures, 0, now + 1}, at(now + second)) == News::over);
  CHECK(condition.outage().from.ns == second + 50 * millisecond);
  CHECK(condition.outage().to.ns == now);
  CHECK(condition.outage().retries == 299);
}

TEST_CASE("an outage is told of again each minute, and when its reason changes") {
  Condition condition;
  CHECK(condition.look({true, -EIO, 1, 0, 0}, at(second)) == News::begun);
  CHECK(condition.look({true, -EIO, 2, 0, 0}, at(61 * second - 1)) == News::none);
  CHECK(condition.look({true, -EIO, 3, 0, 0}, at(61 * second)) == News::lasts);
  CHECK(condition.look({true, -EROFS, 4, 0, 0}, at(62 * second)) == News::changed);
  CHECK(condition.look({true, -EROFS, 4, 0, 0}, at(121 * second)) == News::none);
  CHECK(condition.look({true, -EROFS, 5, 0, 0}, at(122 * second)) == News::lasts);
  CHECK(condition.outage().error == -EROFS);
  CHECK(condition.outage().from.ns == second);
}

TEST_CASE("what may pass is an outage only if it lasts, and then from its beginning") {
  Condition condition(second);
  CHECK(condition.look({true, 0, 0, 5, 0}, at(second)) == News::none);
  CHECK(condition.look({}, at(2 * second - 1)) == News::none);
  CHECK(condition.look({true, 0, 0, 6, 0}, at(2 * second)) == News::none);
  CHECK(condition.look({true, 0, 0, 7, 0}, at(3 * second - 1)) == News::none);
  CHECK(condition.look({true, 0, 0, 8, 0}, at(3 * second)) == News::begun);
  CHECK(condition.look({false, 0, 0, 8, 0}, at(4 * second)) == News::none);
  CHECK(condition.look({false, 0, 0, 8, 4 * second + 1}, at(5 * second)) == News::over);
  CHECK(condition.outage().from.ns == 2 * second);
  CHECK(condition.outage().refused == 2);
}

TEST_CASE("an outage is not over before the rings were looked at again, and at the end it is over if all is well") {
  Condition condition;
  CHECK(condition.end() == News::none);
  condition.look({true, -EIO, 1, 0, 0}, at(second));
  CHECK(condition.end() == News::none);  // it lasts
  CHECK(condition.look({false, 0, 1, 3, second}, at(2 * second)) == News::none);
  CHECK(condition.look({false, 0, 1, 3, second}, at(9 * second)) == News::none);
  CHECK(condition.end() == News::over);
  CHECK(condition.outage().to.ns == 2 * second);
  CHECK(condition.outage().refused == 3);
  CHECK(condition.end() == News::none);
}
