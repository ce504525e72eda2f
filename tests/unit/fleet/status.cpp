// What an archive says of its logs: where each stands, and whether it holds.
#include "lib/fleet/status.hpp"

#include "lib/fleet/log_store.hpp"
#include "tests/support/sealed_log.hpp"
#include "tests/unit/fleet/support.hpp"

using namespace fleet_test;

namespace {

// A sealed log, sent through an engine into an archive.
struct Fleet {
  Fleet() {
    fs::create_directory(root.log());
    ReceiveRequest request;
    request.root = root.log();
    receiver = std::make_unique<Receiver>(request, engine);
    REQUIRE(receiver->open() == 0);
  }
  void run() {
    Forwarder forwarder({log.path(), "h", "r", {}}, engine);
    for (int i = 0; i < 300; ++i) {
      engine.now_ns += second / 10;
      forwarder.step(engine.now_ns);
      receiver->step(engine.now_ns);
    }
    name = {"h", "r", forwarder.status().log};
  }
  std::string path() const { return path_of(root.log(), name); }

  SmallLog log;
  shmring::test::SealedLog sealed{log.path(), {1000, 300, 0, 100, 300, 20}};
  Directory root;
  Engine engine{1, std::size_t{1} << 20};
  std::unique_ptr<Receiver> receiver;
  LogName name;
};

}  // namespace

TEST_CASE("a sealed log arrives byte for byte, with its keys, and the archive proves it") {
  Fleet fleet;
  fleet.log.set_durable(1000);
  fleet.run();
  for (const std::string& file : fleet.sealed.files())
    CHECK(content(fleet.path() + "/" + file) == content(fleet.log.file(file)));
  for (const char* rider : {"keys", "checkpoint"}) CHECK(content(fleet.path() + "/" + rider) == content(fleet.log.file(rider)));
  Judgement judgement;
  REQUIRE(judge(fleet.root.log(), fleet.name, 1, judgement) == 0);
  CHECK_MESSAGE(judgement.holds, judgement.text);
  CHECK(judgement.sealed);
  CHECK(judgement.audit.signed_lines > 0);

  std::vector<ArchivedLogState> logs;
  REQUIRE(read_archive(fleet.root.log(), logs) == 0);
  REQUIRE(logs.size() == 1);
  CHECK(logs[0].name == fleet.name);
  CHECK(logs[0].archived.index == 1000);
  CHECK(logs[0].files == fleet.sealed.files().size());
  CHECK(logs[0].changed_utc_s > 0);
  CHECK((logs[0].text.empty() && logs[0].conflicts == 0));
}

TEST_CASE("a byte that was changed in the archive is found, and so are a record and keys that were") {
  Fleet fleet;
  fleet.log.set_durable(1000);
  fleet.run();
  const std::string file = fleet.path() + "/" + fleet.sealed.files()[1];
  const std::string sound = content(file);
  std::string changed = sound;
  changed[changed.find("data") + 10] ^= 1;
  put_content(file, changed);
  Judgement judgement;
  REQUIRE(judge(fleet.root.log(), fleet.name, 1, judgement) == 0);
  CHECK(!judgement.holds);
  CHECK(judgement.text.find(fleet.sealed.files()[1]) != std::string::npos);
  put_content(file, sound);
  put_content(fleet.path() + "/keys", "no keys\n");
  REQUIRE(judge(fleet.root.log(), fleet.name, 1, judgement) == 0);
  CHECK(!judgement.holds);
  put_content(fleet.path() + "/committed", "nothing");
  std::vector<ArchivedLogState> logs;
  REQUIRE(read_archive(fleet.root.log(), logs) == 0);
  CHECK(logs[0].text.find("neither of its records can be read") != std::string::npos);
}

TEST_CASE("what else lies in an archive is no log") {
  Directory root;
  fs::create_directories(root.log() + "/lost+found");
  fs::create_directories(root.log() + "/h/r/not-an-id");
  put_content(root.log() + "/README", "x");
  fs::create_directory_symlink("/", root.log() + "/link");
  std::vector<ArchivedLogState> logs;
  CHECK(read_archive(root.log(), logs) == 0);
  CHECK(logs.empty());
  CHECK(read_archive(root.path() + "/nothing", logs) == -ENOENT);
}
