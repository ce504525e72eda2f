// A sealed log that is opened again: it goes on where it stood, and is refused if it is not what was signed.
#include "lib/log/seal/resume.hpp"

#include <doctest/doctest.h>

#include "tests/unit/log/seal/sealed_log.hpp"

using namespace log_test;

namespace {

// A log of three files, whose end is signed.
void write_three_files(SealedLog& log) {
  REQUIRE(log.begin() == 0);
  log.write(5), log.rotate(), log.write(5), log.rotate(), log.write(5);
  log.finish();
  log.kill();
}

// All files of the directory, for a comparison.
std::map<std::string, std::string> all_content(const std::string& dir) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(dir))
    if (entry.is_regular_file() && entry.path().filename() != "mark") out[entry.path()] = content(entry.path());
  return out;
}

void check_refused(SealedLog& log, std::string_view why) {
  const auto before = all_content(log.dir.log());
  CHECK(log.begin() == -EBADMSG);
  CHECK_MESSAGE(std::string_view(os::last_error()).find(why) != std::string_view::npos, os::last_error());
  CHECK(std::string_view(os::last_error()).find("--new-log") != std::string_view::npos);
  log.kill();
  CHECK(all_content(log.dir.log()) == before);
}

}  // namespace

TEST_CASE("after a kill at any moment, one tree goes on") {
  SealedLog log;
  for (int i = 0; i < 8; ++i) {
    REQUIRE(log.begin() == 0);
    log.write(1 + i % 3);
    if (i % 2 == 0) log.rotate();
    if (i % 3 == 0) log.is_held = true, log.write(), log.is_held = false;  // not hashed, and not signed
    log.kill();
  }
  REQUIRE(log.begin() == 0);
  log.finish();
  log.check_all();
}

TEST_CASE("a log that is shorter than what was signed is refused, and nothing of it is changed") {
  SealedLog log;
  write_three_files(log);
  const fs::path last = log_files(log.dir.log()).back();
  const std::string text = content(last);
  fs::permissions(last, fs::perms::owner_read | fs::perms::owner_write);
  put_content(last, text.substr(0, text.rfind('\n', text.size() - 2) + 1));
  fs::remove(log.dir.log() + "/mark");
  check_refused(log, "were signed");
  fs::remove(log.dir.log() + "/checkpoint"), fs::remove(log.seal.state + "/checkpoint");
  check_refused(log, ".checkpoints");
  put_content(last, text);
  CHECK(log.begin() == 0);
}

TEST_CASE("a log that differs from what was signed is refused") {
  SealedLog log;
  write_three_files(log);
  const fs::path last = log_files(log.dir.log()).back();
  std::string text = content(last);
  text[text.find("payload")] = 'P';
  put_content(last, text);
  check_refused(log, "differ from what was signed");
}

TEST_CASE("a log that was put back to an older state is refused: the state directory knows a newer one") {
  SealedLog log;
  write_three_files(log);
  fs::copy(log.dir.log(), log.dir.path() + "/backup", fs::copy_options::recursive);
  REQUIRE(log.begin() == 0);
  log.write(), log.finish(), log.kill();
  fs::remove_all(log.dir.log());
  fs::copy(log.dir.path() + "/backup", log.dir.log(), fs::copy_options::recursive);
  check_refused(log, "the state directory's checkpoint");
}

TEST_CASE("a log that is gone is not begun anew with the keys that have signed it") {
  SealedLog log;
  write_three_files(log);
  fs::remove_all(log.dir.log());
  CHECK(log.begin() == -EBADMSG);
  CHECK(std::string_view(os::last_error()).find("--new-log") != std::string_view::npos);
}

TEST_CASE("whoever lost the newest checkpoints goes on: an older one is there, and the next is consistent with it") {
  for (const bool is_torn : {false, true}) {
    SealedLog log;
    write_three_files(log);
    const auto lose = [&](const fs::path& file) {
      if (is_torn) return put_content(file, content(file).substr(0, 40));
      fs::remove(file);
    };
    lose(log.dir.log() + "/checkpoint"), lose(log.seal.state + "/checkpoint");
    lose(log_files(log.dir.log()).back().string() + ".checkpoints");
    REQUIRE(log.begin() == 0);
    log.write(3);
    log.finish();
    log.check_all();
    CHECK(log.newest() == log.lines().size());
  }
}

TEST_CASE("keys that are missing, or those of another log, sign nothing") {
  SealedLog log;
  write_three_files(log);
  const std::string key = log.seal.state + "/log.key", epoch = log.seal.state + "/epoch-0.key";
  const std::string kept = content(key);
  fs::remove(key);
  check_refused(log, "log.key");
  put_content(key, content(epoch));
  fs::permissions(key, fs::perms::owner_read | fs::perms::owner_write);
  check_refused(log, "another log");
  put_content(key, kept);
  fs::rename(epoch, epoch + "-away");
  check_refused(log, "epoch-0.key");
  fs::rename(epoch + "-away", epoch);
  CHECK(log.begin() == 0);
}

TEST_CASE("the file of keys is a chain: a note that is missing, changed or of another log is refused") {
  SealedLog log;
  write_three_files(log);
  const std::string keys = content(log.dir.log() + "/keys");
  for (const std::string& wrong : {std::string(), keys.substr(0, keys.size() / 2), keys + keys, "x" + keys}) {
    put_content(log.dir.log() + "/keys", wrong);
    check_refused(log, "file of keys");
  }
}

TEST_CASE("keys that others may read are refused, judged on what was opened") {
  SealedLog log;
  write_three_files(log);
  const std::string key = log.seal.state + "/epoch-0.key";
  fs::permissions(key, fs::perms(0640));
  CHECK(log.begin() == -EINVAL);
  CHECK(std::string_view(os::last_error()).find("0640") != std::string_view::npos);
  fs::permissions(key, fs::perms(0600));
  fs::permissions(log.seal.state, fs::perms(0755));
  CHECK(log.begin() == -EINVAL);
  fs::permissions(log.seal.state, fs::perms(0700));
  const std::string kept = content(key);
  fs::rename(key, log.dir.path() + "/elsewhere");
  fs::create_symlink(log.dir.path() + "/elsewhere", key);
  CHECK(log.begin() == -ELOOP);
  for (const char* const word : {"PRIVATE", kept.c_str()})
    CHECK(std::string_view(os::last_error()).find(word) == std::string_view::npos);
}
