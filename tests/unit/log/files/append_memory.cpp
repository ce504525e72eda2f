// Appender: what it needs of memory.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <random>
#include <span>

#include "tests/support/process.hpp"
#include "tests/support/sandbox.hpp"
#include "tests/unit/log/support.hpp"

using namespace log_test;

TEST_CASE("a batch gets the memory of the one before: it is not given back to the system, to come again page by page") {
  Directory dir;
  const std::string payload(100, 'x');
  const std::vector<Line> lines(1'000, event("payments", 1, 1, payload));
  const auto faults = [] {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return used.ru_minflt;
  };
  const long of_hundred = std::stol(test::in_child([&] {
    Appender log;
    Recovered recovered;
    SyncPolicy policy;
    policy.unsynced_max = u64{2} << 20;
    log.set_durability(policy, std::make_unique<SyncAtOnce>());
    if (log.open(dir.log(), "ring", {}, recovered) != 0) return std::string("-1");
    long before = 0;
    for (int batch = 0; batch < 200; ++batch) {
      if (batch == 100) before = faults();
      log.append(lines, {});
      if (log.accounts_are_due()) log.append(Accounts{});
      if (log.write() != 0) return std::string("-1");
      log.sync(1);
    }
    return std::to_string(faults() - before);
  }));
  CHECK(of_hundred >= 0);
  CHECK(of_hundred < 100);  // a batch has sixty pages
}

TEST_CASE("memory stays as it is while the sizes of batches vary: what a large one has had is filled by small ones") {
  Directory dir;
  const std::vector<Line> lines(2'000, event("payments", 1, 1, std::string(100, 'x')));
  const std::string said = test::in_child([&] {
    Appender log;
    Recovered recovered;
    SyncPolicy policy;
    policy.unsynced_max = u64{16} << 20;
    log.set_durability(policy, std::make_unique<SyncAtOnce>());
    if (log.open(dir.log(), "ring", {}, recovered) != 0) return std::string("it is not opened");
    std::minstd_rand dice(1);
    const auto write = [&](int batches) {
      for (int i = 0; i < batches; ++i) {
        const std::size_t share = dice() % 100 == 0 ? lines.size() : 1 + dice() % 40;  // seldom a large one
        log.append(std::span(lines).first(share), {});
        if (log.accounts_are_due()) log.append(Accounts{});
        if (log.write() != 0) return false;
        log.sync(1);
      }
      return true;
    };
    if (!write(30'000)) return std::string("it is not written");
    const u64 before = test::own_memory_kib(::getpid());
    if (!write(20'000)) return std::string("it is not written");
    const u64 after = test::own_memory_kib(::getpid());
    return after <= before + 2'048 && after < 24'000 ? std::string("flat")
                                                     : std::to_string(before) + " KiB, then " + std::to_string(after);
  });
  CHECK(said == "flat");
}
