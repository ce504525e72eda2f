// What the environment says of a run of tests: see mode.hpp.
#include "tests/support/mode.hpp"

#include <cstdlib>

namespace shmring::test {

std::string_view mode() {
  const char* mode = std::getenv("SHMRING_TEST_MODE");
  return mode != nullptr ? mode : "quick";
}

Part part() {
  Part out;
  const char* text = std::getenv("SHMRING_TEST_PART");
  const bool fits = text == nullptr ||
                    (std::sscanf(text, "%lu/%lu", &out.which, &out.parts) == 2 && out.which >= 1 && out.which <= out.parts);
  if (!fits) std::fprintf(stderr, "SHMRING_TEST_PART is K/N, not %s\n", text), std::exit(2);
  return by_mode(Part{}, Part{}, out);
}

std::uint64_t part_of(std::uint64_t total) {
  const auto [which, parts] = part();
  return total * which / parts - total * (which - 1) / parts;
}

bool is_of_part(std::uint64_t n) { return n % part().parts == part().which - 1; }

std::mt19937_64 seeded(std::uint64_t test_case) {
  const char* seed = std::getenv("SHMRING_TEST_SEED");
  const std::uint64_t number = seed != nullptr ? std::strtoull(seed, nullptr, 10) : 1;
  return std::mt19937_64(number * 1000003 + test_case + (part().which - 1) * 7919);
}

bool is_of_share(std::uint64_t n, std::uint64_t share) {
  const std::uint64_t every = by_mode<std::uint64_t>(1, share, 1);
  return n % every == seeded(17)() % every;
}

std::uint64_t below(std::mt19937_64& random, std::uint64_t limit) { return random() % limit; }

void skipped(std::string_view what) {
  std::printf("SKIPPED %.*s\n", static_cast<int>(what.size()), what.data());
  std::fflush(stdout);
}

void tried(std::uint64_t number, const char* unit) {
  std::printf("TRIED %llu %s\n", static_cast<unsigned long long>(number), unit);
  std::fflush(stdout);
}

}  // namespace shmring::test
