// The writer of a log: how often an accounts line stands in it.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/log/files/verify.hpp"
#include "tests/unit/log/support.hpp"

using namespace log_test;

namespace {}  // namespace

TEST_CASE("an accounts line stands at least every 4096 lines, and says what the log says up to it") {
  Directory dir;
  TestLog writer(dir.log());
  REQUIRE(writer.append({life(Life::attach, "pay", 10)}) == 0);
  u64 sequence = 0;
  for (std::size_t batch : {2048, 2048, 1, 2047, 2048, 1000, 1000, 1000, 1000, 2048, 5}) {
    std::vector<Line> lines;
    for (std::size_t i = 0; i < batch; ++i) lines.push_back(event("pay", 10, ++sequence, "x"));
    REQUIRE(writer.append(lines) == 0);
  }
  const u64 most = most_lines_between_accounts(dir.log());
  CHECK(most < 4096);
  CHECK(most >= 2048);  // and not needlessly often
  CHECK(proven(dir.log()));
}

TEST_CASE("accounts lines of many accounts are at most a hundredth of the log, and of very many one stands every 16 MiB") {
  AccountsPace pace;
  pace.add_accounts(50'000);
  pace.add(100'000, 5'000'000 - 1);
  CHECK_FALSE(pace.is_due());
  pace.add(0, 1);
  CHECK(pace.is_due());
  pace.add_accounts(50'000);
  pace.add(1, 5'000'000);
  CHECK_FALSE(pace.is_due());  // nor more often than with few
  pace.add_accounts(1'500'000);
  pace.add(100'000, (u64{16} << 20) - 1);
  CHECK_FALSE(pace.is_due());
  pace.add(0, 1);
  CHECK(pace.is_due());
  pace.add_accounts(300);
  pace.add(16, u64{16} << 20);  // few lines, but long
  CHECK(pace.is_due());
}

TEST_CASE("with 250 producers the accounts lines are at most 1 % of the log, each is whole, and a restart keeps the pace") {
  Directory dir;
  u64 lines_of_accounts = 0, bytes_of_accounts = 0, bytes = 0;
  u64 sequence = 0;
  for (int restart = 0; restart < 3; ++restart) {
    TestLog writer(dir.log());
    REQUIRE(writer.error == 0);
    if (restart == 0) {
      std::vector<Line> attached;
      for (u64 inc = 10; inc < 260; ++inc) attached.push_back(life(Life::attach, "payments-service", inc));
      REQUIRE(writer.append(attached) == 0);
    }
    for (int batch = 0; batch < 30; ++batch) {
      std::vector<Line> lines;
      for (int i = 0; i < 1000; ++i) lines.push_back(event("payments-service", 10, ++sequence, "a payload of a usual length"));
      REQUIRE(writer.append(lines) == 0);
    }
  }
  for (const std::string& line : split_lines(all_text(dir.log()))) {
    bytes += line.size() + 1;
    if (!is_accounts_line(line)) continue;
    bytes_of_accounts += line.size() + 1;
    ++lines_of_accounts;
    if (lines_of_accounts > 1) CHECK(std::ranges::count(line, '{') >= 250);
  }
  CHECK(lines_of_accounts >= 5);
  CHECK(bytes_of_accounts * 100 <= bytes * 12 / 10);  // the first one behind the attach lines comes early
  CHECK(proven(dir.log()));
}

TEST_CASE("behind a batch of more than 2048 lines an accounts line stands at once") {
  Directory dir;
  TestLog writer(dir.log());
  std::vector<Line> lines(5000, Note{"clock", 0, {}});
  REQUIRE(writer.append(lines) == 0);
  CHECK(split_lines(all_text(dir.log())).back().starts_with("{\"v\":1,\"kind\":\"accounts\",\"index\":5001,"));
  CHECK(proven(dir.log()));
}

TEST_CASE("where files may not grow, accounts that are over are not carried from file to file: the log goes on for ever") {
  Directory dir;
  TestLog writer(dir.log());
  REQUIRE(writer.append({life(Life::attach, "pay", 10)}) == 0);
  CallsRestored restored;
  os::calls.write = [](int fd, const void* data, std::size_t bytes) -> ssize_t {
    const off_t end = ::lseek(fd, 0, SEEK_END);
    return end + static_cast<off_t>(bytes) > 6'000 ? (errno = EFBIG, -1) : ::write(fd, data, bytes);
  };
  for (u64 inc = 11; inc < 500; ++inc) {
    REQUIRE(writer.append({life(Life::attach, "short", inc), life(Life::detach, "short", inc)}) == 0);
    std::erase_if(writer.ledger.accounts, [](const AccountState& account) { return !account.open; });
    writer.over.add(inc);
  }
  CHECK(log_files(dir.log()).size() > 20);
  CHECK(proven(dir.log()));
}
