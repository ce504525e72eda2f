// os/clock.hpp, wakeup.hpp, handle_page.hpp, file.hpp, error.hpp.
#include "lib/os/clock.hpp"

#include <doctest/doctest.h>
#include <linux/futex.h>
#include <sys/mman.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <fstream>

#include "lib/os/error.hpp"
#include "lib/os/file.hpp"
#include "lib/os/handle_page.hpp"
#include "lib/os/wakeup.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/support/sandbox.hpp"

using namespace shmring;
using namespace shmring::test;
using os::Calibration;
using os::Sample;
using ring::u64;

namespace {

constexpr u64 ms = 1'000'000, second = 1000 * ms;
constexpr u64 year_2026 = 1'767'225'600 * second;

// A machine with a clock of 2.5 ticks a nanosecond, `ns` after its start.
Sample at(u64 ns, u64 wall_offset = 0) { return {1000 + ns * 5 / 2, 7 * second + ns, year_2026 + ns + wall_offset}; }

}  // namespace

TEST_CASE("ticks between, before and after the samples become UTC to the nanosecond") {
  const Calibration calibration(at(0), at(10 * second));
  const u64 now = at(10 * second).ticks;
  CHECK(calibration.to_utc(now, now) == year_2026 + 10 * second);
  for (u64 ns : {u64{0}, 3 * second, 9 * second + 999, 10 * second + 1000}) {
    const u64 utc = calibration.to_utc(at(ns).ticks, at(ns).ticks);
    CHECK(utc >= year_2026 + ns - 10);
    CHECK(utc <= year_2026 + ns + 10);
  }
}

TEST_CASE("a monotonic segment clock counts nanoseconds exactly, over years") {
  const Sample base{5 * second, 5 * second, year_2026}, now{6 * second, 6 * second, year_2026 + second};
  const Calibration calibration(base, now);
  CHECK(calibration.anchor().ns_per_tick_q32 == u64{1} << 32);
  const u64 years = 10ull * 365 * 86400 * second;
  CHECK(calibration.anchor().utc(6 * second + years) == year_2026 + second + years);
}

TEST_CASE("no tick value makes a negative or wrapped time") {
  const Calibration calibration(at(0), at(second));
  const u64 now = at(second).ticks;
  CHECK(calibration.to_utc(1, now) <= year_2026 + second);
  CHECK(calibration.to_utc(1, now) >= year_2026 - 1000);
  os::Anchor early = calibration.anchor();
  early.utc_ns = 5;
  CHECK(early.utc(0) == 0);
  early.utc_ns = ~u64{0} - 5;
  CHECK(early.utc(~u64{0}) == ~u64{0});
}

TEST_CASE("ticks of 0, or more than a second in the future, are now; a little in the future stays") {
  const Calibration calibration(at(0), at(10 * second));
  const u64 now = at(10 * second).ticks;
  const u64 utc = year_2026 + 10 * second;
  CHECK(calibration.to_utc(0, now) == utc);
  CHECK(calibration.to_utc(~u64{0}, now) == utc);
  CHECK(calibration.to_utc(at(11 * second + ms).ticks, now) == utc);
  CHECK(calibration.to_utc(at(10 * second + 500 * ms).ticks, now) >= utc + 499 * ms);
}

TEST_CASE("soon after a reading of all clocks the ring's own tells the others") {
  const Calibration calibration(at(0), at(10 * second));
  const os::Sample from = at(10 * second), soon = at(10 * second + ms / 2);
  const auto found = calibration.soon_after(from, soon.ticks);
  REQUIRE(found.has_value());
  CHECK(found->ticks == soon.ticks);
  CHECK(soon.monotonic_ns - found->monotonic_ns <= 1);  // rounded down
  CHECK(soon.utc_ns - found->utc_ns <= 1);
  CHECK(calibration.soon_after(from, from.ticks).has_value());
  CHECK_FALSE(calibration.soon_after(from, from.ticks - 1).has_value());  // it was set back: a suspend
  CHECK_FALSE(calibration.soon_after(from, at(10 * second + 2 * ms).ticks).has_value());
  CHECK_FALSE(calibration.soon_after({}, from.ticks).has_value());
  const os::Sample stopped{from.ticks, from.monotonic_ns + 20 * ms, from.utc_ns + 20 * ms};
  CHECK_FALSE(Calibration(from, stopped).soon_after(from, from.ticks).has_value());  // a rate of zero
  Calibration suspended(at(0), at(10 * second));
  suspended.refresh({at(11 * second).ticks, at(71 * second).monotonic_ns, at(71 * second).utc_ns});
  CHECK_FALSE(suspended.soon_after(from, soon.ticks).has_value());
}

TEST_CASE("a steady clock is refreshed without a jump") {
  Calibration calibration(at(0), at(second));
  for (u64 s = 2; s < 100; ++s) CHECK(calibration.refresh(at(s * second)) == 0);
  CHECK(calibration.anchor().utc_ns == year_2026 + 99 * second);
}

TEST_CASE("a wall clock set forward or back by more than 10 ms is reported, by how much, once") {
  Calibration calibration(at(0), at(second));
  CHECK(calibration.refresh(at(2 * second, 9 * ms)) == 0);
  const std::int64_t forward = calibration.refresh(at(3 * second, 3600 * second));
  CHECK(forward > static_cast<std::int64_t>(3599 * second));
  CHECK(forward < static_cast<std::int64_t>(3600 * second));
  CHECK(calibration.refresh(at(4 * second, 3600 * second)) == 0);
  const std::int64_t back = calibration.refresh(at(5 * second));
  CHECK(back < -static_cast<std::int64_t>(3599 * second));
  CHECK(calibration.refresh(at(6 * second)) == 0);
}

TEST_CASE("a TSC that stood still or ran on while the machine slept does not spoil the rate") {
  for (const bool stood_still : {true, false}) {
    Calibration calibration(at(0), at(100 * second));
    const u64 rate = calibration.anchor().ns_per_tick_q32;
    // CLOCK_MONOTONIC goes on by one second; the ticks by a tenth of it, or by a thousand seconds.
    const u64 ticks_off = stood_still ? 0 - at(900 * ms).ticks + 1000 : at(999 * second).ticks - 1000;
    for (u64 s = 101; s < 110; ++s) {
      Sample now = at(s * second);
      now.ticks += ticks_off;
      calibration.refresh(now);
      CHECK(calibration.anchor().ns_per_tick_q32 + 2 >= rate);
      CHECK(calibration.anchor().ns_per_tick_q32 <= rate + 2);
    }
    CHECK(calibration.refresh([&] {
      Sample now = at(110 * second);
      now.ticks += ticks_off;
      return now;
    }()) == 0);
  }
}

TEST_CASE("garbage in a header's times does not become the rate: it is measured anew") {
  alignas(ring::Header) std::byte memory[sizeof(ring::Header)] = {};
  ring::Header& header = *new (memory) ring::Header{};
  for (const u64 ticks : {u64{0}, u64{1}, ~u64{0}, ~u64{0} - 1000}) {
    header.created_ticks = ticks;
    header.created_monotonic_ns = ticks == 1 ? ~u64{0} : 1;
    const Calibration calibration = Calibration::of(header, ring::Clock::monotonic);
    // One tick is one nanosecond; the two readings of one sample lie microseconds apart at worst.
    CHECK(calibration.anchor().ns_per_tick_q32 > (u64{1} << 32) / 2);
    CHECK(calibration.anchor().ns_per_tick_q32 < u64{2} << 32);
  }
}

TEST_CASE("the clocks go forward and are the ones they are called") {
  const u64 before = os::monotonic_now_ns();
  CHECK(os::monotonic_now_ns() >= before);
  CHECK(os::utc_now_ns() > year_2026 - 2 * 365 * 86400 * second);
  CHECK(os::process_cpu_ns() >= os::thread_cpu_ns() / 2);
  CHECK(os::take_sample(ring::Clock::monotonic).ticks >= before);
}

TEST_CASE("a futex wait returns at once for another value, and in time at its deadline") {
  std::atomic<ring::u32> word{5};
  CHECK(os::futex_wait(word, 4, os::monotonic_now_ns() + 60 * second) == -EAGAIN);
  CHECK(os::futex_wait(word, 5, os::monotonic_now_ns() + ms) == -ETIMEDOUT);
  CHECK(os::futex_wait(word, 5, 0) == -ETIMEDOUT);
  CHECK(os::futex_wake_all(word) == 0);
}

TEST_CASE("a wake-up is for all sleepers, of all processes") {
  static int operation = -1;
  static ring::u32 how_many = 0;
  Replaced<&os::Calls::futex> recorded([](ring::u32*, int op, ring::u32 value, const timespec*, ring::u32*, ring::u32) -> long {
    operation = op;
    how_many = value;
    return 0;
  });
  std::atomic<ring::u32> word{0};
  CHECK(os::futex_wake_all(word) == 0);
  CHECK(operation == FUTEX_WAKE);  // not PRIVATE
  CHECK(how_many == INT_MAX);
  CHECK(os::futex_wait(word, 0, 1) == 0);
  CHECK(operation == FUTEX_WAIT_BITSET);
}

TEST_CASE("a handle page keeps its words in its process and is all zero in a forked child") {
  auto* words = static_cast<u64*>(os::new_handle_page(8192));
  REQUIRE(words);
  words[0] = words[1023] = 42;
  CHECK(in_child([&] { return std::to_string(words[0]) + " " + std::to_string(words[1023]); }) == "0 0");
  CHECK((words[0] == 42 && words[1023] == 42));
  os::free_handle_page(words, 8192);
  os::free_handle_page(nullptr, 8192);
}

TEST_CASE("a kernel that cannot wipe on fork gives no handle page, and says why") {
  const auto refuse = [](void*, std::size_t, int advice) { return advice == MADV_WIPEONFORK ? (errno = EINVAL, -1) : 0; };
  Replaced<&os::Calls::madvise> old_kernel(refuse);
  CHECK(os::new_handle_page(4096) == nullptr);
  CHECK(errno == EINVAL);
  CHECK(std::strstr(os::last_error(), "handle"));
}

TEST_CASE("a whole write goes on after short writes and signals, and says how far it came before an error") {
  static int step;
  step = 0;
  static std::string written;
  written.clear();
  Replaced<&os::Calls::write> partial([](int, const void* data, std::size_t bytes) -> ssize_t {
    ++step;
    if (step == 2) return errno = EINTR, -1;
    if (step == 5) return errno = ENOSPC, -1;
    const std::size_t n = std::min<std::size_t>(bytes, 3);
    written.append(static_cast<const char*>(data), n);
    return static_cast<ssize_t>(n);
  });
  std::size_t reached = 0;
  CHECK(os::write_full(1, "abcdefg", 7, &reached) == 0);
  CHECK(written == "abcdefg");
  CHECK(reached == 7);
  step = 3;
  CHECK(os::write_full(1, "abcdefg", 7, &reached) == -ENOSPC);
  CHECK(reached == 3);
}

TEST_CASE("a small file is read whole, and refused where it is too long") {
  Sandbox box;
  std::ofstream(box.path + "/x") << std::string(5000, 'x');
  std::string text;
  CHECK(os::read_small((box.path + "/x").c_str(), text) == 0);
  CHECK(text == std::string(5000, 'x'));
  CHECK(os::read_small((box.path + "/x").c_str(), text, 4999) == -EFBIG);
  CHECK(os::read_small((box.path + "/y").c_str(), text) == -ENOENT);
}

TEST_CASE("a descriptor closes once, and closing leaves errno alone") {
  const int before = open_descriptors();
  {
    os::Fd a, b;
    REQUIRE(os::open_at(AT_FDCWD, "/dev/null", O_RDONLY, 0, a) == 0);
    b = std::move(a);
    CHECK_FALSE(a);
    CHECK((::fcntl(b.get(), F_GETFD) & FD_CLOEXEC) != 0);
    errno = ENOSPC;
    Replaced<&os::Calls::close> noisy([](int fd) {
      const int result = Replaced<&os::Calls::close>::real(fd);
      errno = EBADF;
      return result;
    });
    b.reset();
    CHECK(errno == ENOSPC);
  }
  CHECK(open_descriptors() == before);
}
