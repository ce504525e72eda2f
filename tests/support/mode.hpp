// What the environment says of a run of tests (how much, which part, from which seed), and lines for its report.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>

namespace shmring::test {

// SHMRING_TEST_MODE: how much of everything.
template <class T>
T by_mode(T quick, T check, T lengthy) {
  const char* mode = std::getenv("SHMRING_TEST_MODE");
  const std::string_view name = mode != nullptr ? mode : "quick";
  return name == "long" ? lengthy : name == "check" ? check : quick;
}

// SHMRING_TEST_PART: which of how many parts of a long run this is, as K/N.
struct Part {
  unsigned long which = 1, parts = 1;
};
inline Part part() {
  Part out;
  const char* text = std::getenv("SHMRING_TEST_PART");
  const bool fits = text == nullptr ||
                    (std::sscanf(text, "%lu/%lu", &out.which, &out.parts) == 2 && out.which >= 1 && out.which <= out.parts);
  if (!fits) std::fprintf(stderr, "SHMRING_TEST_PART is K/N, not %s\n", text), std::exit(2);
  return by_mode(Part{}, Part{}, out);
}
// This part's share of a number; and whether the n-th of a list, from 0, is this part's. All parts together are the whole.
inline std::uint64_t part_of(std::uint64_t total) {
  const auto [which, parts] = part();
  return total * which / parts - total * (which - 1) / parts;
}
inline bool is_of_part(std::uint64_t n) { return n % part().parts == part().which - 1; }

// SHMRING_TEST_SEED, of each part another, and a number that sets the test cases apart.
inline std::mt19937_64 seeded(std::uint64_t test_case) {
  const char* seed = std::getenv("SHMRING_TEST_SEED");
  const std::uint64_t number = seed != nullptr ? std::strtoull(seed, nullptr, 10) : 1;
  return std::mt19937_64(number * 1000003 + test_case + (part().which - 1) * 7919);
}

// Of a list, in check, every `share`-th, from a place that the seed decides; in quick and long, what their bounds leave of it.
inline bool is_of_share(std::uint64_t n, std::uint64_t share) {
  const std::uint64_t every = by_mode<std::uint64_t>(1, share, 1);
  return n % every == seeded(17)() % every;
}

inline std::uint64_t below(std::mt19937_64& random, std::uint64_t limit) { return random() % limit; }

template <class... A>
void report(const char* format, A... arguments) {
  std::printf("REPORT ");
  std::printf(format, arguments...);
  std::printf("\n");
  std::fflush(stdout);
}

// What a test case, or a row of one, could not try here: counted as skipped, and shown below the table of tests/check.
inline void skipped(std::string_view what) {
  std::printf("SKIPPED %.*s\n", static_cast<int>(what.size()), what.data());
  std::fflush(stdout);
}

// Summed by unit over the suite, in the table of tests/check.
inline void tried(std::uint64_t number, const char* unit) {
  std::printf("TRIED %llu %s\n", static_cast<unsigned long long>(number), unit);
  std::fflush(stdout);
}

}  // namespace shmring::test
