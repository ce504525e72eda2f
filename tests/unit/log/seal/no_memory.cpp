// A seal whose thread gets no memory: no line is hashed twice or left out, no key is told twice, and the log goes on.
//
// operator new is replaced: it fails while a job is done, at the call that the test names, or at each call.
#include <doctest/doctest.h>

#include <cstdlib>
#include <new>

#include "tests/unit/log/seal/sealed_log.hpp"

using namespace log_test;

namespace {

struct Memory {
  u64 calls = 0;       // of operator new, within jobs
  u64 fails_from = 0;  // the first that fails; 0: none does
  u64 fails_to = 0;
  bool is_in_job = false;
} memory;

void around_job(bool begins) { memory.is_in_job = begins; }

// What needs memory of each kind: lines, a checkpoint that is kept, a file's begin, a change of keys.
void work(SealedLog& log) {
  log.write();
  log.rotate();
  for (int i = 0; i < 3; ++i) log.turn();
}

void check_whole(SealedLog& log, bool restarts = true) {
  log.write();
  log.turn();
  log.finish();
  CHECK(log.sealing->error() == 0);
  CHECK(log.sealing->is_signed());
  CHECK_FALSE(log.sealing->is_stuck());
  log.check_all();
  CHECK(log.newest() == log.lines().size());
  if (!restarts) return;
  log.kill();
  REQUIRE(log.begin() == 0);
  log.write();
  log.finish();
  log.check_all();
}

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t bytes) {
  const u64 call = memory.is_in_job ? ++memory.calls : 0;
  void* const out = call != 0 && call >= memory.fails_from && call < memory.fails_to ? nullptr : std::malloc(bytes);
  if (out == nullptr) throw std::bad_alloc();
  return out;
}
[[gnu::noinline]] void operator delete(void* memory_of_it) noexcept { std::free(memory_of_it); }
[[gnu::noinline]] void operator delete(void* memory_of_it, std::size_t) noexcept { std::free(memory_of_it); }

TEST_CASE("whichever call for memory fails within a job, once or for the rest of it, the seal is whole in the end") {
  for (const u64 in_a_row : {1, 1000}) {
    u64 tried = 0;
    for (u64 at = 1, calls = at; at <= calls; ++at, ++tried) {
      SealedLog log;
      log.seal.epoch_ns = second;
      log.around = around_job;
      REQUIRE(log.begin() == 0);
      memory = {0, at, at + in_a_row};
      work(log);
      calls = memory.calls;
      memory = {};
      CAPTURE(at);
      check_whole(log, at % 8 == 0);
    }
    CHECK(tried > 100);
  }
}

TEST_CASE("as long as nothing can be hashed the log goes on in its file, up to what may be in memory") {
  SealedLog log;
  log.around = around_job;
  log.policy.unsynced_max = 4'000;
  REQUIRE(log.begin() == 0);
  log.write(3);
  const u64 hashed = log.sealing->hashed();
  memory.fails_from = 1, memory.fails_to = ~u64{0};
  log.write(2);
  log.rotate();
  log.write(2);
  CHECK(log.sealing->error() == -ENOMEM);
  CHECK(log.sealing->is_stuck());
  CHECK(log.sealing->failures() > 1);
  CHECK_FALSE(log.sealing->error_text().empty());
  CHECK(log.sealing->hashed() == hashed);
  CHECK_FALSE(log.log->is_held());
  CHECK(log_files(log.dir.log()).size() == 1);
  for (int i = 0; i < 40 && !log.log->is_held(); ++i) log.write();
  CHECK(log.log->is_held());
  memory = {};
  log.turn();
  CHECK_FALSE(log.sealing->is_stuck());
  CHECK_FALSE(log.log->is_held());
  log.turn();
  CHECK(log_files(log.dir.log()).size() == 2);
  check_whole(log);
}
