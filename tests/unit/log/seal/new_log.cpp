// A log that cannot go on makes room for a new one, whenever that is cut short.
#include "lib/log/seal/new_log.hpp"

#include <doctest/doctest.h>

#include "tests/unit/log/seal/dying.hpp"
#include "tests/unit/log/seal/sealed_log.hpp"

using namespace log_test;

namespace {

const std::string folder = "old-20261124T220008Z";

// A log that was restored from a backup: what was signed since is missing.
void restore(SealedLog& log) {
  REQUIRE(log.begin() == 0);
  log.write(3), log.rotate(), log.write(2), log.finish(), log.kill();
  const fs::path backup = log.dir.path() + "/backup";
  fs::copy(log.dir.log(), backup, fs::copy_options::recursive);
  REQUIRE(log.begin() == 0);
  log.write(4), log.finish(), log.kill();
  fs::remove_all(log.dir.log());
  fs::copy(backup, log.dir.log(), fs::copy_options::recursive);
  CHECK(log.begin() == -EBADMSG);
  log.kill();
}

// The new log is a whole one with keys of its own, and names what was signed of the old one, which lies beside it unchanged.
void check_new_log(SealedLog& log, const std::string& old_text, const Checkpoint& newest) {
  log.write(3), log.finish();
  log.check_all();
  CHECK(log.chain().front().origin != newest.origin);
  const std::string first = log.lines().front(), size = std::to_string(newest.size);
  CHECK_MESSAGE(first.find(R"("old":{"folder":")" + folder + R"(","origin":")" + newest.origin + R"(","size":)" + size + ",") !=
                    first.npos,
                first);
  CHECK(all_text(log.dir.log() + "/" + folder) == old_text);
  CHECK_FALSE(fs::exists(log.dir.log() + "/new-log"));
  CHECK(log.epochs() == std::vector<u64>{0});
}

Checkpoint newest_of(const SealedLog& log) {
  SignedCheckpoint found;
  Mistake mistake;
  REQUIRE(parse_signed_checkpoint(content(log.seal.state + "/checkpoint"), found, mistake));
  return found.checkpoint;
}

}  // namespace

TEST_CASE("a new log is begun in the place of one that was restored, and names what was signed of it") {
  SealedLog log;
  restore(log);
  const std::string old_text = all_text(log.dir.log());
  const Checkpoint newest = newest_of(log);
  log.wants_new_log = true;
  REQUIRE(log.begin() == 0);
  check_new_log(log, old_text, newest);
}

TEST_CASE("killed before or behind any call of it, the next start finishes it without being asked") {
  const u64 points = at_each_call([](u64 at, bool is_behind) {
    bool died = false;
    SealedLog log;
    restore(log);
    const std::string old_text = all_text(log.dir.log());
    const Checkpoint newest = newest_of(log);
    log.wants_new_log = true;
    {
      const Dying dying(at, is_behind);
      (void)log.begin();
      died = death.is_dead;
      log.kill();
    }
    const bool has_begun = fs::exists(log.dir.log() + "/new-log") || fs::exists(log.dir.log() + "/" + folder);
    log.wants_new_log = !has_begun;
    REQUIRE(log.begin() == 0);
    check_new_log(log, old_text, newest);
    return died;
  });
  CHECK(points > 30);
}
