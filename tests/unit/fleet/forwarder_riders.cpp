// What rides along with a log's lines: keys and checkpoints come behind the lines that they are about.
#include <fcntl.h>

#include "tests/support/sealed_log.hpp"
#include "tests/unit/fleet/support.hpp"

using namespace fleet_test;

TEST_CASE("keys and checkpoint are sent behind the lines, when they change, and once") {
  SmallLog log;
  const std::string first = name_of_file(1, 0);
  log.put(first, lines_of(0, 5));
  log.put("keys", "some keys\n");
  log.put("checkpoint", "a checkpoint\n");
  log.set_durable(5);
  Sender sender(log);
  sender.run(30 * second);
  for (const char* name : {"keys", "checkpoint"}) {
    const std::vector<Stored> stored = sender.engine.messages(sender.subject(name));
    REQUIRE(stored.size() == 1);
    CHECK(stored[0].sequence > sender.engine.messages(sender.subject())[0].sequence);
    Rider rider;
    std::size_t bytes = 0;
    std::string text;
    REQUIRE(parse_rider(stored[0].headers, name, rider, bytes) == "");
    CHECK(rider.next_index == 5);
    REQUIRE(unpack(stored[0].data, bytes, text) == "");
    CHECK(text == content(log.file(name)));
  }
  log.put("checkpoint", "another one\n");
  sender.run(30 * second);
  CHECK(sender.engine.messages(sender.subject("keys")).size() == 1);
  CHECK(sender.engine.messages(sender.subject("checkpoint")).size() == 2);
  Forwarder other({log.path(), "h", "r", {}}, sender.engine);  // it knows what the engine has
  for (int i = 0; i < 20; ++i) other.step(sender.engine.now_ns += second);
  CHECK(sender.engine.messages(sender.subject("checkpoint")).size() == 2);
}

namespace {

const SmallLog* growing = nullptr;

// Lines become durable while the checkpoint is opened.
int open_meanwhile(int directory, const char* path, int flags, mode_t mode) {
  if (const SmallLog* log = std::string_view(path) == "checkpoint" ? std::exchange(growing, nullptr) : nullptr) {
    log->put(name_of_file(1, 0), lines_of(0, 9));
    log->set_durable(9);
  }
  return Replaced<&os::Calls::openat>::real(directory, path, flags, mode);
}

}  // namespace

TEST_CASE("a checkpoint waits for the lines that were durable when it was read") {
  SmallLog log;
  log.put(name_of_file(1, 0), lines_of(0, 5));
  log.put("checkpoint", "a checkpoint\n");
  log.set_durable(5);
  growing = &log;
  const Replaced<&os::Calls::openat> open(open_meanwhile);
  Sender sender(log);
  sender.run(20 * second);
  REQUIRE(growing == nullptr);
  const std::vector<Stored> lines = sender.engine.messages(sender.subject());
  const std::vector<Stored> riders = sender.engine.messages(sender.subject("checkpoint"));
  REQUIRE((lines.size() == 2 && riders.size() == 1));
  Rider rider;
  std::size_t bytes = 0;
  REQUIRE(parse_rider(riders[0].headers, "checkpoint", rider, bytes) == "");
  CHECK(rider.next_index == 9);
  CHECK(riders[0].sequence > lines[1].sequence);
}

TEST_CASE("the archive pins keys and checkpoints: what contradicts them is kept out") {
  Directory root;
  fs::create_directories(root.log());
  fs::create_directory(root.path() + "/host");
  const shmring::test::SealedShape shape{300, 100, 0, 50, 120, 10};
  const shmring::test::SealedLog sealed(root.path() + "/host", shape);
  os::Fd directory;
  REQUIRE(os::open_at(AT_FDCWD, root.log().c_str(), O_RDONLY | O_DIRECTORY, 0, directory) == 0);
  LogStore store(directory.get(), root.log(), {"h", "r", "0123456789abcdef"});
  REQUIRE(store.open() == 0);
  const std::string keys = content(root.path() + "/host/keys"), checkpoint = content(root.path() + "/host/checkpoint");
  const std::string fewer = keys.substr(0, keys.find("\n\n", keys.find("\n\n") + 2));
  CHECK(store.put_rider({"keys", 0}, "no keys\n") == -EUCLEAN);
  CHECK(store.put_rider({"keys", 0}, keys) == 0);
  CHECK(store.put_rider({"keys", 0}, fewer) == 0);  // an older message
  CHECK(content(store.path() + "/keys") == keys);
  std::string other = keys;
  other[other.size() / 3] = static_cast<char>(other[other.size() / 3] ^ 1);
  CHECK(store.put_rider({"keys", 0}, other) == -EUCLEAN);
  CHECK(store.put_rider({"keys", 0}, keys + "and more\n") == -EUCLEAN);
  fs::create_directory(root.path() + "/stranger");
  const shmring::test::SealedLog stranger(root.path() + "/stranger", shape);
  CHECK(store.put_rider({"keys", 0}, content(root.path() + "/stranger/keys")) == -EUCLEAN);  // a whole chain, of others
  CHECK(content(store.path() + "/keys") == keys);

  CHECK(store.put_rider({"checkpoint", 0}, "no checkpoint\n") == -EUCLEAN);
  CHECK(store.put_rider({"checkpoint", 0}, checkpoint) == 0);
  CHECK(store.put_rider({"checkpoint", 0}, sealed.sign({sealed.origin(), 200, sealed.root_at(200)})) == 0);
  CHECK(content(store.path() + "/checkpoint") == checkpoint);  // the older one changes nothing
  shmring::log::SignedCheckpoint newest;
  shmring::log::Mistake mistake{};
  REQUIRE(parse_signed_checkpoint(checkpoint, newest, mistake));
  CHECK(store.put_rider({"checkpoint", 0}, sealed.sign({sealed.origin(), newest.checkpoint.size, sealed.root_at(1)})) ==
        -EUCLEAN);
  CHECK(store.put_rider({"checkpoint", 0}, sealed.sign({"another/log", 1000, sealed.root_at(1)})) == -EUCLEAN);
  CHECK(content(store.path() + "/checkpoint") == checkpoint);
  CHECK(store.put_rider({"checkpoint", 0}, sealed.sign({sealed.origin(), 1000, sealed.root_at(1)})) == 0);
}
