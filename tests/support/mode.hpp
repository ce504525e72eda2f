// What the environment says of a run of tests (how much, which part, from which seed), and lines for its report.
#pragma once

#include <cstdint>
#include <cstdio>
#include <random>
#include <string_view>

namespace shmring::test {

// Whether a sanitizer is in this build: it makes each step many times slower, and maps memory as it likes. gcc defines a macro
// then, clang has a feature.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
inline constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool sanitized = false;
#endif

// SHMRING_TEST_MODE: how much of everything.
std::string_view mode();
template <class T>
T by_mode(T quick, T check, T lengthy) {
  const std::string_view name = mode();
  return name == "long" ? lengthy : name == "check" ? check : quick;
}

// SHMRING_TEST_PART: which of how many parts of a long run this is, as K/N.
struct Part {
  unsigned long which = 1, parts = 1;
};
Part part();
// This part's share of a number; and whether the n-th of a list, from 0, is this part's. All parts together are the whole.
std::uint64_t part_of(std::uint64_t total);
bool is_of_part(std::uint64_t n);

// SHMRING_TEST_SEED, of each part another, and a number that sets the test cases apart.
std::mt19937_64 seeded(std::uint64_t test_case);

// Of a list, in check, every `share`-th, from a place that the seed decides; in quick and long, what their bounds leave of it.
bool is_of_share(std::uint64_t n, std::uint64_t share);

std::uint64_t below(std::mt19937_64& random, std::uint64_t limit);

template <class... A>
void report(const char* format, A... arguments) {
  std::printf("REPORT ");
  std::printf(format, arguments...);
  std::printf("\n");
  std::fflush(stdout);
}

// What a test case, or a row of one, could not try here: counted as skipped, and shown below the table of tests/check.
void skipped(std::string_view what);

// Summed by unit over the suite, in the table of tests/check.
void tried(std::uint64_t number, const char* unit);

}  // namespace shmring::test
