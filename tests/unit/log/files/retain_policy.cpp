// Which files of a log may go by its limits.
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "lib/log/files/retain.hpp"

using namespace shmring::log;

namespace {

constexpr u64 hour = u64{3600} * 1'000'000'000, mib = u64{1} << 20, none = ~u64{0};

// One file of 100 lines and a MiB for each letter, an hour after the one before. s: sealed and clean · c: clean, not sealed
// · r: sealed, not clean, as a replacement · f: neither, as a file that was replaced · t: as s, with a name that has no time.
std::vector<RetainedFile> files_of(std::string_view letters) {
  std::vector<RetainedFile> files;
  for (const char letter : letters) {
    const u64 at = files.size();
    files.push_back(
        {at * 100, letter == 't' ? none : at * hour, mib, letter != 'c' && letter != 'f', letter != 'r' && letter != 'f'});
  }
  return files;
}

// What the archive has is not asked for unless the limits say so.
struct Case {
  const char* files;
  RetainLimits limits;
  u64 now_hours, free;
  Retention expected;
};

}  // namespace

TEST_CASE("what may go by age, size and free space: the oldest files, up to a clean start, and never the newest") {
  using enum Limit;
  const RetainLimits off, two_hours{.age_ns = 2 * hour, .bytes = 0, .free = 0},
      two_mib{.age_ns = 0, .bytes = 2 * mib, .free = 0}, free_mib{.age_ns = 0, .bytes = 0, .free = 3 * mib},
      all{2 * hour, 3 * mib, 2 * mib};
  const Case cases[] = {
      {"ssssc", off, 1000, 0, {0, none, none}},
      {"", two_mib, 1000, 0, {0, none, none}},
      // By age: a file whose successor's name is old enough; not a moment earlier.
      {"ssssc", two_hours, 2, 0, {0, none, none}},
      {"ssssc", two_hours, 3, 0, {100, age, none}},
      {"ssssc", two_hours, 1000, 0, {400, age, none}},
      {"c", two_hours, 1000, 0, {0, none, none}},
      {"stssc", two_hours, 1000, 0, {0, none, none}},  // a name without a time is never old
      {"srssc", two_hours, 3, 0, {0, none, none}},     // it would take a younger file to come to a clean start
      {"srssc", two_hours, 4, 0, {200, age, none}},    // … which is old, too
      {"cc", two_hours, 1000, 0, {0, none, age}},      // not sealed
      // By size.
      {"ssssc", {0, 5 * mib, 0}, 0, 0, {0, none, none}},
      {"ssssc", two_mib, 0, 0, {300, bytes, none}},
      {"srrsc", {0, 4 * mib, 0}, 0, 0, {300, bytes, none}},   // up to a clean start, and so more than was asked for
      {"sfrsc", two_mib, 0, 0, {300, bytes, none}},           // one that was replaced is not sealed, but a later one is
      {"ssssc", {0, mib / 2, 0}, 0, 0, {400, bytes, bytes}},  // the newest stays
      {"c", {0, mib / 2, 0}, 0, 0, {0, none, bytes}},
      {"sscc", two_mib, 0, 0, {200, bytes, none}},
      {"sccc", two_mib, 0, 0, {100, bytes, bytes}},  // not sealed: what it says is not on the disk yet
      {"srrr", two_mib, 0, 0, {0, none, bytes}},
      // By free space.
      {"ssssc", free_mib, 0, 3 * mib, {0, none, none}},
      {"ssssc", free_mib, 0, mib, {200, free, none}},
      {"ssssc", free_mib, 0, 0, {300, free, none}},
      {"ssc", free_mib, 0, 0, {200, free, free}},
      // The limit that asks for most is named.
      {"ssssc", all, 3, 2 * mib, {200, bytes, none}},
      {"ssssc", all, 1000, 2 * mib, {400, age, none}},
      {"ssssc", {2 * hour, 4 * mib, 4 * mib}, 4, 0, {400, free, none}},
      {"ssssc", {2 * hour, mib / 2, 9 * mib}, 4, 0, {400, bytes, bytes}},
  };
  for (const Case& one : cases) {
    CAPTURE(one.files);
    CAPTURE(one.now_hours);
    CAPTURE(one.expected.before);
    const Retention found = retain(files_of(one.files), one.now_hours * hour + 1, one.free, one.limits, 0);
    CHECK(found.before == one.expected.before);
    CHECK(name_of(found.why) == std::string(name_of(one.expected.why)));
    CHECK(name_of(found.blocked) == std::string(name_of(one.expected.blocked)));
  }
}

TEST_CASE("what the archive is to have goes only once it has it, whatever the limits say") {
  const RetainLimits space{.age_ns = 0, .bytes = 2 * mib, .free = 0, .archived = true};
  const RetainLimits age{.age_ns = 2 * hour, .bytes = 0, .free = 0, .archived = true};
  const RetainLimits most{.age_ns = 0, .bytes = mib / 2, .free = 0, .archived = true};
  struct Kept {
    const char* files;
    const RetainLimits& limits;
    u64 archived;
    Retention expected;
  };
  for (const Kept& one : {
           Kept{"ssssc", space, 0, {0, Limit::none, Limit::bytes, true}},
           Kept{"ssssc", space, 199, {100, Limit::bytes, Limit::bytes, true}},  // a file goes when all of it is there
           Kept{"ssssc", space, 200, {200, Limit::bytes, Limit::bytes, true}},
           Kept{"ssssc", space, 300, {300, Limit::bytes, Limit::none, false}},
           Kept{"ssssc", space, none, {300, Limit::bytes, Limit::none, false}},  // no more than is asked for
           Kept{"srrsc", space, 250, {0, Limit::none, Limit::bytes, true}},      // up to a clean start, and not behind 250
           Kept{"ssssc", most, none, {400, Limit::bytes, Limit::bytes, false}},  // the newest stays, and no archive helps
           Kept{"ssssc", age, 100, {100, Limit::age, Limit::age, true}},
           Kept{"ssssc", age, 450, {400, Limit::age, Limit::none, false}},
       }) {
    CAPTURE(one.files);
    CAPTURE(one.archived);
    CHECK(retain(files_of(one.files), 1000 * hour, 0, one.limits, one.archived) == one.expected);
  }
}
