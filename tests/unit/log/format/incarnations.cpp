// Incarnations that are over: the set of them, and what a log's first line says of those before it.
#include "lib/log/format/incarnations.hpp"

#include <doctest/doctest.h>

#include "lib/log/files/names.hpp"
#include "lib/log/files/verify.hpp"
#include "tests/unit/log/support.hpp"

using namespace log_test;

namespace {

using Ranges = std::map<u64, u64>;

Incarnations set_of(std::initializer_list<u64> incarnations) {
  Incarnations set;
  for (const u64 incarnation : incarnations) set.add(incarnation);
  return set;
}

}  // namespace

TEST_CASE("incarnations in any order are ranges that do not touch") {
  CHECK(set_of({5, 3, 4, 4, 9, 1}).ranges() == Ranges{{1, 1}, {3, 5}, {9, 9}});
  CHECK(set_of({3, 1, 2}).ranges() == Ranges{{1, 3}});
  CHECK(set_of({~u64{0}, 1}).ranges() == Ranges{{1, 1}, {~u64{0}, ~u64{0}}});
  CHECK(set_of({1, 2, 4}) == set_of({4, 2, 1}));
}

TEST_CASE("a range is in the set when the whole of it is") {
  const Incarnations set = set_of({3, 4, 5, 9});
  CHECK((set.contains(3) && set.contains(5) && set.contains(3, 5) && set.contains(4, 4) && set.contains(9)));
  CHECK_FALSE((set.contains(2) || set.contains(6) || set.contains(2, 4) || set.contains(5, 6) || set.contains(5, 9)));
  CHECK_FALSE(Incarnations{}.contains(0));
}

TEST_CASE("of many ranges the newest are kept") {
  Incarnations set = set_of({1, 3, 5, 6});
  set.keep_newest(2);
  CHECK(set.ranges() == Ranges{{3, 3}, {5, 6}});
}

TEST_CASE("of a log whose beginning is elsewhere, what its first line calls over attaches no more") {
  Directory dir;
  fs::create_directory(dir.log());
  const auto verdict = [&](const Line& first, const Line& second) {
    std::string text;
    Encoder("ring").encode(first, 20, text);
    Encoder("ring").encode(second, 21, text);
    Encoder("ring").encode(Note{"retain", 0, {{"before", "20", true}}}, 22, text);
    put_content(dir.log() + "/" + log_file_name(0, 20), text);
    Verdict out;
    REQUIRE(verify(dir.log(), out) == 0);
    return out;
  };
  const Accounts first{0, {{"open", 13, 1, true, {}}, {"shut", 12, 1, false, {}}}, set_of({10, 11})};
  for (const u64 incarnation : {10, 11, 12, 13}) {
    const Verdict v = verdict(first, life(Life::attach, "late", incarnation));
    CHECK((!v.proven && v.deviation.line == 2 && v.deviation.incarnation == incarnation));
  }
  CHECK(verdict(first, life(Life::attach, "late", 14)).proven);
  CHECK(verdict(first, Accounts{0, {{"open", 13, 1, true, {}}}, set_of({10, 11, 12})}).proven);
  CHECK_FALSE(verdict(first, Accounts{0, {{"open", 13, 1, true, {}}}, set_of({9, 10, 11, 12})}).proven);
}
