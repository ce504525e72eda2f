// How the key of a sealed log changes: one chain, and in the end one secret, whenever the collector dies.
#include "lib/log/seal/epochs.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "tests/unit/log/seal/dying.hpp"
#include "tests/unit/log/seal/sealed_log.hpp"

using namespace log_test;

namespace {

// The collector goes on until its key has changed.
void change_key(SealedLog& log) {
  const std::size_t before = log.chain().size();
  for (int i = 0; i < 20 && (log.chain().size() == before || log.epochs().size() != 1); ++i) log.write();
}

void check_one_chain(const SealedLog& log, std::size_t least) {
  const std::vector<KeyNote> chain = log.chain();
  CHECK(chain.size() >= least);
  CHECK(log.epochs() == std::vector<u64>{chain.back().epoch});
  log.check_all();
}

}  // namespace

TEST_CASE("the steps come in their order, each when the one before is done") {
  Epochs epochs(3, 0, 10);
  CHECK(epochs.due(100, 0) == EpochStep::none);
  CHECK(epochs.due(109, 0) == EpochStep::none);
  CHECK(epochs.due(110, 0) == EpochStep::make);
  CHECK(epochs.key_to_tell() == nullptr);
  epochs.done(EpochStep::make, true, "key");
  CHECK(epochs.due(111, 50) == EpochStep::none);
  REQUIRE(epochs.key_to_tell() != nullptr);
  CHECK(*epochs.key_to_tell() == "key");
  epochs.was_told(60);
  CHECK(epochs.key_to_tell() == nullptr);
  CHECK(epochs.due(112, 60) == EpochStep::none);  // the line itself is not covered
  CHECK(epochs.may_sign());
  CHECK(epochs.due(113, 61) == EpochStep::note);
  CHECK_FALSE(epochs.may_sign());
  epochs.done(EpochStep::note, false, "");
  CHECK(epochs.due(114, 61) == EpochStep::none);
  CHECK_FALSE(epochs.may_sign());
  CHECK(epochs.due(113 + second, 61) == EpochStep::note);
  epochs.done(EpochStep::note, true, "");
  CHECK(epochs.due(114 + second, 61) == EpochStep::erase);
  CHECK_FALSE(epochs.may_sign());
  CHECK(epochs.epoch() == 3);
  epochs.done(EpochStep::erase, true, "");
  CHECK(epochs.may_sign());
  CHECK(epochs.epoch() == 4);
  CHECK(epochs.due(115 + second, 70) == EpochStep::none);
  CHECK(epochs.due(124 + second, 70) == EpochStep::make);
}

TEST_CASE("an epoch that lasted before the start goes on") {
  Epochs epochs(0, 8, 10);
  CHECK(epochs.due(100, 0) == EpochStep::none);
  CHECK(epochs.due(102, 0) == EpochStep::make);
}

TEST_CASE("each epoch's key is signed by the one before, named in the log, and only the last one's secret is left") {
  SealedLog log;
  log.seal.epoch_ns = 5 * second;
  REQUIRE(log.begin() == 0);
  for (int i = 0; i < 3; ++i) change_key(log);
  log.finish();
  check_one_chain(log, 4);
  for (const KeyNote& key : log.chain())
    if (key.epoch > 0) CHECK(all_text(log.dir.log()).find(text_of(key.key)) != std::string::npos);
}

TEST_CASE("killed before or behind any call of a change of keys, one chain goes on, and one secret is left") {
  const u64 points = at_each_call([](u64 at, bool is_behind) {
    bool died = false;
    SealedLog log;
    log.seal.epoch_ns = 5 * second;
    REQUIRE(log.begin() == 0);
    log.write(6);
    {
      const Dying dying(at, is_behind);
      for (int i = 0; i < 8 && !death.is_dead; ++i) log.write();
      died = death.is_dead;
      log.kill();
    }
    REQUIRE(log.begin() == 0);
    log.turn();  // it settles what it found
    CHECK(log.epochs().size() == 1);
    change_key(log);
    log.finish();
    check_one_chain(log, 2);
    return died;
  });
  CHECK(points > 30);
}

TEST_CASE("killed before or behind any call of the first start, the next one begins the log") {
  const u64 points = at_each_call([](u64 at, bool is_behind) {
    bool died = false;
    SealedLog log;
    {
      const Dying dying(at, is_behind);
      (void)log.begin();
      died = death.is_dead;
      log.kill();
    }
    REQUIRE(log.begin() == 0);
    log.write(3);
    log.finish();
    check_one_chain(log, 1);
    CHECK(log.chain().size() == 1);
    return died;
  });
  CHECK(points > 15);
}

TEST_CASE("while the keys cannot be written, the old key stays, and nothing is signed behind the new one's note") {
  SealedLog log;
  log.seal.epoch_ns = 5 * second;
  REQUIRE(log.begin() == 0);
  log.write(3);
  fs::create_directory(log.dir.log() + "/keys.tmp");
  log.write(12);
  CHECK(log.sealing->error() != 0);
  CHECK(log.chain().size() == 1);
  CHECK(log.epochs() == std::vector<u64>{0, 1});
  const u64 index = log.sealing->signed_index();
  log.write(3);
  CHECK(log.sealing->signed_index() == index);
  fs::remove(log.dir.log() + "/keys.tmp");
  change_key(log);
  log.finish();
  CHECK(log.sealing->error() == 0);
  check_one_chain(log, 2);
}

TEST_CASE("where a power cut took the log's first key alone, the first epoch's is made anew, too, for its name is the log's") {
  Directory dir;
  const std::string state = dir.path() + "/state";
  Secrets secrets;
  REQUIRE(secrets.open(state, true) == 0);
  const auto key_of_epoch = [&](const char* origin) {
    SecretKey log, epoch;
    REQUIRE(make_first_keys(secrets, origin) == 0);
    REQUIRE((secrets.read_log_key(log) == 0 && secrets.read_epoch(0, epoch) == 0));
    CHECK(epoch.name() == epoch_name(log.name(), 0));
    std::vector<u64> epochs;
    REQUIRE(secrets.list(epochs) == 0);
    CHECK(epochs == std::vector<u64>{0});
    return text_of(epoch.verifier());
  };
  const std::string first = key_of_epoch("shmring/r/1");
  CHECK(key_of_epoch("shmring/r/2") == first);  // what is there stays
  REQUIRE(fs::remove(state + "/log.key"));
  const std::string second = key_of_epoch("shmring/r/3");
  CHECK(second != first);
  CHECK(key_of_epoch("shmring/r/4") == second);
}

TEST_CASE("a first key that a start was giving its name once more when it was killed is found, and is that key") {
  Directory dir;
  const std::string state = dir.path() + "/state";
  Secrets secrets;
  REQUIRE(secrets.open(state, true) == 0);
  const auto verifiers = [&] {
    SecretKey log, epoch;
    REQUIRE(make_first_keys(secrets, "shmring/r/1") == 0);
    REQUIRE((secrets.read_log_key(log) == 0 && secrets.read_epoch(0, epoch) == 0));
    return text_of(log.verifier()) + text_of(epoch.verifier());
  };
  const std::string before = verifiers();
  for (const char* name : {"/log.key", "/epoch-0.key"}) {
    CAPTURE(name);
    fs::rename(state + name, state + name + ".tmp");
    fs::permissions(state + name + ".tmp", fs::perms(0644));  // it is there, and cannot be read: no other key is made
    CHECK(make_first_keys(secrets, "shmring/r/1") == -EINVAL);
    fs::permissions(state + name + ".tmp", fs::perms(0600));
    CHECK(verifiers() == before);
    CHECK_FALSE(fs::exists(state + name + ".tmp"));
    fs::create_hard_link(state + name, state + name + ".tmp");  // where a rename that does not replace is a link
    SecretKey log, epoch;
    CHECK(secrets.rewrite_first(log, epoch) == 0);
    CHECK(text_of(log.verifier()) + text_of(epoch.verifier()) == before);
    CHECK_FALSE(fs::exists(state + name + ".tmp"));
  }
  for (const char* name : {"/log.key", "/epoch-0.key"}) {  // part of a key that was never one
    CAPTURE(name);
    fs::remove(state + name);
    std::ofstream(state + name + ".tmp") << "PRIVATE+KEY+";
    fs::permissions(state + name + ".tmp", fs::perms(0600));
    CHECK(verifiers() != before);
    CHECK_FALSE(fs::exists(state + name + ".tmp"));
  }
}
