// The seal of a log while it is written: what is hashed, when it is signed, and what waits for it.
#include "lib/log/seal/sealing.hpp"

#include <doctest/doctest.h>

#include "tests/unit/log/seal/sealed_log.hpp"

using namespace log_test;

TEST_CASE("a checkpoint says the root of all lines at that moment, over files, and so does each file's first line") {
  SealedLog log;
  REQUIRE(log.begin() == 0);
  for (int file = 0; file < 4; ++file) log.write(7), log.rotate();
  log.finish();
  log.check_all();
  CHECK(log.checkpoints().size() > 10);
  CHECK(log.newest() == log.lines().size());
  CHECK(log_files(log.dir.log()).size() == 5);
}

TEST_CASE("each second is signed, and each minute is kept, so is the end of a file, and the end") {
  SealedLog log;
  log.seal.keep_ns = 60 * second;
  REQUIRE(log.begin() == 0);
  const auto newest = [&] {
    SignedCheckpoint out;
    Mistake mistake{};
    REQUIRE(parse_signed_checkpoint(content(log.dir.log() + "/checkpoint"), out, mistake));
    return out.checkpoint.size;
  };
  u64 before = 0;
  for (int i = 0; i < 170; ++i) {
    log.write();
    if (i < 2) continue;  // the first sync
    CHECK(newest() > before);
    before = newest();
  }
  CHECK(log.checkpoints().size() == 3);
  log.rotate();
  log.turn();
  const fs::path first = log_files(log.dir.log()).front();
  CHECK(log.newest() == split_lines(content(first)).size());
  for (int i = 0; i < 30; ++i) log.write();
  CHECK(log.checkpoints().size() == 4);
  log.finish();
  CHECK(log.newest() == log.lines().size());
  log.check_all();
}

TEST_CASE("what is not durable is not signed") {
  SealedLog log(Level::interval);
  REQUIRE(log.begin() == 0);
  log.write(3);
  const Replaced<&os::Calls::fdatasync> failing(failing_data_sync);
  disk.data_syncs = 1'000'000;
  const u64 durable = log.log->committed().durable, before = log.sealing->signed_index();
  log.write();  // its file is void, and the replacement fails: D stands
  for (int i = 0; i < 5; ++i) log.turn();
  CHECK(log.log->committed().durable == durable);
  CHECK(log.sealing->hashed() > durable);
  CHECK(log.sealing->signed_index() >= before);
  CHECK(log.sealing->signed_index() <= durable);
  for (const Checkpoint& checkpoint : log.checkpoints()) CHECK(checkpoint.size <= durable);
  disk = {};
  log.turn(), log.turn(), log.write(), log.finish();
  CHECK(log.sealing->is_signed());
  log.check_all();
}

TEST_CASE("at the level write, a file is signed when it is closed, and all of it at the end") {
  SealedLog log(Level::write);
  REQUIRE(log.begin() == 0);
  log.write(5);
  const u64 first = log.sealing->signed_index();
  log.write(5);
  CHECK(log.sealing->signed_index() == first);
  log.rotate();
  log.turn();
  CHECK(log.sealing->signed_index() >= 10);
  log.write(2);
  log.finish();
  CHECK(log.sealing->signed_index() == log.lines().size());
  log.check_all();
}

TEST_CASE("a log that was not sealed is sealed from a new file on") {
  SealedLog log;
  log.is_sealed = false;
  REQUIRE(log.begin() == 0);
  log.write(5);
  log.kill();
  log.is_sealed = true;
  const u64 base = log.lines().size();
  REQUIRE(log.begin() == 0);
  log.write(5);
  log.finish();
  CHECK(log_files(log.dir.log()).size() == 2);
  log.check_all(base);
  CHECK(log.newest() == log.lines().size() - base);
}

TEST_CASE("a new file waits until all lines before it are hashed, and the old one goes on meanwhile") {
  SealedLog log;
  REQUIRE(log.begin() == 0);
  log.write(3);
  log.is_held = true;
  log.write();
  log.log->rotate();
  log.turn(0);
  CHECK(log_files(log.dir.log()).size() == 1);
  CHECK(log.log->is_held());  // so little is left that it comes in a moment
  log.is_held = false;
  log.turn(0);
  CHECK_FALSE(log.log->is_held());
  CHECK(log_files(log.dir.log()).size() == 2);
  log.write(3);
  log.finish();
  log.check_all();
}

TEST_CASE("where hashing is far behind, the old file goes on for a second, and then the new one is waited for") {
  SealedLog log;
  REQUIRE(log.begin() == 0);
  log.write(3);
  log.is_held = true;
  const std::string large(600'000, 'x');
  const auto write_large = [&] {
    const Line line = event("pay", 10, ++log.sequence, large);
    log.ledger.apply(line);
    log.log->append({&line, 1}, RingId{});
    log.turn(0);
  };
  write_large(), write_large();
  log.log->rotate();
  log.turn(0);
  CHECK_FALSE(log.log->is_held());
  write_large();
  CHECK(log_files(log.dir.log()).size() == 1);
  log.turn(second);
  CHECK(log.log->is_held());
  log.is_held = false;
  log.turn(0), log.turn(0);
  CHECK(log_files(log.dir.log()).size() == 2);
  log.finish();
  log.check_all();
}

TEST_CASE("lines stay in memory until they are hashed, and count as what may be there") {
  SealedLog log;
  log.policy.unsynced_max = 1'000;
  REQUIRE(log.begin() == 0);
  log.write(2);
  CHECK_FALSE(log.log->is_held());
  log.is_held = true;
  for (int i = 0; i < 20 && !log.log->is_held(); ++i) log.write();
  CHECK(log.log->durability().is_durable());
  CHECK(log.log->is_held());
  log.is_held = false;
  log.turn();
  CHECK_FALSE(log.log->is_held());
  log.finish();
  log.check_all();
}

TEST_CASE("the memory of lines that are durable is not written into again before they are hashed") {
  SealedLog log;
  REQUIRE(log.begin() == 0);
  log.write(3);
  log.is_held = true;
  for (int i = 0; i < 5; ++i) {
    log.write(2);
    log.log->append(log.accounts());  // what is durable before it is needed by nobody but the tree
    log.turn();
  }
  CHECK(log.log->durability().is_durable());
  const u64 hashed = log.sealing->hashed();
  CHECK(hashed < log.lines().size());
  log.is_held = false;
  log.write(2);
  log.finish();
  CHECK(log.sealing->hashed() == log.lines().size());
  log.check_all();
}

TEST_CASE("a state directory that fails keeps nothing from being logged, and signing goes on when it is back") {
  SealedLog log;
  REQUIRE(log.begin() == 0);
  log.write(3);
  const u64 before = log.sealing->signed_index();
  fs::rename(log.seal.state, log.seal.state + "-away");
  fs::create_directory(log.seal.state + "-away/checkpoint.tmp");
  log.write(5);
  CHECK(log.sealing->error() == -EEXIST);
  CHECK(log.sealing->failures() > 0);
  CHECK(log.sealing->signed_index() == before);
  CHECK(log.log->committed().index > before + 4);
  fs::remove(log.seal.state + "-away/checkpoint.tmp");
  fs::rename(log.seal.state + "-away", log.seal.state);
  log.write(2);
  log.finish();
  CHECK(log.sealing->error() == 0);
  CHECK(log.sealing->is_signed());
  log.check_all();
}
