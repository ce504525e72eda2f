// Verify: what it needs of memory.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include "lib/log/files/verify.hpp"
#include "tests/support/sandbox.hpp"
#include "tests/unit/log/support.hpp"

using namespace log_test;

TEST_CASE("what verify needs of memory does not grow with the producers that the log has ever seen") {
  const auto growth = [](u64 producers) {  // in kilobytes
    Directory dir;
    {
      TestLog writer(dir.log());
      for (u64 first = 1; first < producers; first += 1000) {
        std::vector<Line> lines;
        for (u64 inc = first; inc < first + 1000; ++inc) {
          lines.push_back(life(Life::attach, "payments", inc));
          lines.push_back(life(Life::detach, "payments", inc));
        }
        REQUIRE(writer.append(lines) == 0);
        std::erase_if(writer.ledger.accounts, [](const AccountState& account) { return !account.open; });
      }
    }
    return std::stol(test::in_child([&] {
      rusage before{}, after{};
      Verdict verdict;
      ::getrusage(RUSAGE_SELF, &before);
      const bool good = verify(dir.log(), verdict) == 0 && verdict.proven && verdict.closed == producers;
      ::getrusage(RUSAGE_SELF, &after);
      return std::to_string(good ? after.ru_maxrss - before.ru_maxrss : 1'000'000);
    }));
  };
  CHECK(growth(60'000) < growth(2'000) + 8'000);  // the accounts would take 20 MB more
}

TEST_CASE("incarnations that are over with holes between them are known by an accounts line's own ranges") {
  Directory dir;
  {
    TestLog writer(dir.log());
    Incarnations over;
    for (u64 inc = 1; inc < 4'000; inc += 2) {
      REQUIRE(writer.append({life(Life::attach, "a", inc), life(Life::detach, "a", inc)}) == 0);
      over.add(inc);
    }
    over.keep_newest(1024);
    std::erase_if(writer.ledger.accounts, [](const AccountState& account) { return !account.open; });
    for (int line = 0; line < 2; ++line) writer.log.append(Accounts{0, {}, over});
    REQUIRE(writer.try_again() == 0);
  }
  Verdict verdict;
  REQUIRE(verify(dir.log(), verdict) == 0);
  CHECK_MESSAGE(verdict.proven, verdict.deviation.expected, " / ", verdict.deviation.found);
  CHECK(verdict.closed == 2'000);
}
