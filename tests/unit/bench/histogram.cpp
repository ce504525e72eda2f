// The histogram of call times, against the sorted values themselves. The cases are made from SHMRING_TEST_SEED.
#include "tools/bench/histogram.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "tests/support/process.hpp"

using shmring::bench::Histogram;
using u64 = std::uint64_t;

namespace {

// What the histogram promises of a value: itself below 64, else to 1/32.
bool close(double said, u64 value) {
  const double exact = static_cast<double>(value);
  return value < 64 ? said == exact : said >= exact * (1 - 1.0 / 32) && said <= exact * (1 + 1.0 / 32);
}

u64 exact_at(const std::vector<u64>& sorted, double part) {
  const auto wanted = static_cast<std::size_t>(std::ceil(part * static_cast<double>(sorted.size())));
  return sorted[std::max<std::size_t>(1, wanted) - 1];
}

// Values of all magnitudes, and values close together.
std::vector<u64> some_values(std::mt19937_64& random) {
  std::vector<u64> values(1 + random() % 5000);
  const unsigned widest = 1 + static_cast<unsigned>(random() % 39);
  const u64 base = random() % 3 == 0 ? random() >> 30 : 0;
  for (u64& value : values) value = base + (random() >> (64 - 1 - random() % widest));
  return values;
}

}  // namespace

TEST_CASE("each value's cell says it to 1/32, and cells follow each other without a gap") {
  std::size_t last = Histogram::cell_of(0);
  CHECK(last == 0);
  for (u64 value = 0; value < Histogram::largest; value += 1 + value / 1000) {
    const std::size_t cell = Histogram::cell_of(value);
    REQUIRE(close(Histogram::middle_of(cell), value));
    REQUIRE((cell == last || cell == last + 1));
    last = cell;
  }
}

TEST_CASE("percentiles are those of the sorted values, to 1/32, whatever the values") {
  std::mt19937_64 random = shmring::test::seeded(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<u64> values = some_values(random);
    Histogram histogram;
    for (const u64 value : values) histogram.add(value);
    std::sort(values.begin(), values.end());
    REQUIRE(histogram.count() == values.size());
    REQUIRE(histogram.least() == values.front());
    REQUIRE(histogram.most() == values.back());
    for (const double part : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
      const u64 exact = exact_at(values, part);
      INFO("round ", round, ", ", values.size(), " values, part ", part, ": ", histogram.at(part), " for ", exact);
      REQUIRE(close(histogram.at(part), exact));
    }
  }
}

TEST_CASE("histograms added up are one of all values") {
  std::mt19937_64 random = shmring::test::seeded(2);
  for (int round = 0; round < 50; ++round) {
    Histogram all, sum;
    for (int part = 0; part < 4; ++part) {
      Histogram one;
      for (const u64 value : some_values(random)) one.add(value), all.add(value);
      sum.add(one);
      sum.add(Histogram{});
    }
    CHECK(sum.count() == all.count());
    CHECK(sum.least() == all.least());
    CHECK(sum.most() == all.most());
    for (const double part : {0.0, 0.5, 0.99, 1.0}) CHECK(sum.at(part) == all.at(part));
  }
}

TEST_CASE("an empty one has no figures, and what is beyond its range counts as the largest") {
  Histogram histogram;
  CHECK(histogram.at(0.5) == 0);
  histogram.add(~u64{0});
  CHECK(histogram.most() == Histogram::largest);
  CHECK(histogram.at(0.5) == static_cast<double>(Histogram::largest));
}
