// Appender: what it needs of memory.
#include <doctest/doctest.h>
#include <sys/resource.h>

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
    if (log.open(dir.log(), "ring", {}, recovered) != 0) return std::string("-1");
    long before = 0;
    for (int batch = 0; batch < 110; ++batch) {
      if (batch == 10) before = faults();
      log.append(lines, {});
      if (log.write() != 0) return std::string("-1");
    }
    return std::to_string(faults() - before);
  }));
  CHECK(of_hundred >= 0);
  CHECK(of_hundred < 100);  // a batch has sixty pages
}
