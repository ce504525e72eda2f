// Retention where the disk fails, files are damaged and limits change.
#include <doctest/doctest.h>

#include <fstream>

#include "tests/unit/log/files/old_log.hpp"

using namespace log_test;

TEST_CASE("a removal that may not last ends all removals of this collector: another one could last, and leave a hole") {
  OldLog log(Level::every, 6);
  const RetainLimits limits = log.all_but(2);
  disk.name_syncs = 1;
  int error = 0;
  std::string text;
  REQUIRE(log.keeps(limits, [&] { return log.writer->log.is_blocked(error, text); }));
  CHECK(error == -EIO);
  CHECK(text.find("make its removal last") != text.npos);
  CHECK(text.find("until shmringd is started again") != text.npos);
  CHECK(log.count() == 5);
  CHECK_FALSE(log.keeps(
      limits, [&] { return log.count() < 5; }, 50));
  log.kill();
  log.begin();
  REQUIRE(log.keeps(limits, [&] { return log.count() == 2; }));
  log.check_rest();
}

TEST_CASE("10: a directory that failed to sync for the thread that removes files failed for the new file's name, too") {
  OldLog log(Level::interval, 5);
  disk.name_syncs = 1;
  REQUIRE(log.keeps(log.all_but(3), [&] { return log.count() == 4; }));
  log.add_file();
  for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
  REQUIRE(log.keeps({}, [&] { return !log.writer->log.is_held() && log.writer->log.durability().error() == 0; }));
  for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
  CHECK(std::ranges::any_of(log.voids, [](const Voided& it) { return it.code == "sync_failed" && it.error == -EIO; }));
  log.check_rest();
}

TEST_CASE("a damaged file is no clean start, and does not keep the others from being removed") {
  OldLog log(Level::every, 5);
  const RetainLimits limits = log.all_but(2);
  const std::vector<fs::path> files = log_files(log.dir.log());
  const auto mode = fs::status(files[1]).permissions();
  fs::permissions(files[1], fs::perms::owner_all);
  std::ofstream(files[1], std::ios::trunc) << "not a line";
  fs::permissions(files[1], mode);
  fs::remove(files[2]);
  fs::create_symlink("/dev/null", files[2]);
  REQUIRE(log.keeps(limits, [&] { return log.count() == 2; }));
}

TEST_CASE("what was found for limits that do not hold any more is not removed") {
  OldLog log(Level::every, 5);
  const RetainLimits limits = log.all_but(2);
  disk.data_syncs = 1'000'000;
  REQUIRE(log.keeps(limits, [&] { return log.has("line") && log.has("sync failed"); }));
  CHECK_FALSE(log.keeps(
      {.age_ns = 0, .bytes = mib, .free = 0}, [&] { return log.has("unlink 0"); }, 20));
  disk.data_syncs = 0;
  CHECK_FALSE(log.keeps(
      {.age_ns = 0, .bytes = mib, .free = 0}, [&] { return log.has("unlink 0"); }, 200));
  CHECK(log.first() == 0);
}

TEST_CASE("a file that its first line fills is not followed by one that its first line fills") {
  OldLog log(Level::every, 1);
  log.writer->log.begin_new_file(log.writer->accounts());
  log.writer->log.set_policy({.max_bytes = 1});
  CHECK_FALSE(log.writer->log.wants_new_file());
  const std::size_t before = log.count();
  for (int i = 0; i < 3; ++i) CHECK(log.write() == 0);
  CHECK(log.count() == before + 3);
}
