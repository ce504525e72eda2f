// Starts of a collector whose log is not where it was, or not as it was: the cells of the table in lib/LAYOUT.md, "a collector
// that starts". Those of one that runs are in log_place.cpp and small_disk.cpp.
//
// The oracle here is the count of each sequence over all logs: each attempt once.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/support/daemon.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/oracle.hpp"

using namespace shmring::test;
namespace fs = std::filesystem;

namespace {

// A producer that stays attached while the collector ends and another one comes.
struct Stay {
  Workplace place;
  Daemon daemon;
  Journal& journal = place.journal(10'000);
  shmring_producer* producer = nullptr;

  explicit Stay(const char* level = "every") : daemon(place, {"--slots", "1024", "--durability", level}) {
    REQUIRE(daemon.collects());
    producer = attach(Workplace::ring, journal, SHMRING_LANE_AUTO);
    REQUIRE(producer != nullptr);
    write();
  }
  // All of it is in the log.
  void write() {
    for (int i = 0; i < 100; ++i) write_noted(producer, journal);
    CHECK(eventually([&] { return logged() == journal->begun; }));
  }
  u64 logged() const {
    const View view;
    return view.ring().entries[0].logged.load();
  }
  void begin_file() {
    const std::size_t files = log_files(place.log).size();
    daemon.process.signal(SIGUSR1);
    CHECK(eventually([&] { return log_files(place.log).size() > files; }));
  }
  // While no collector runs, something is done to the log.
  template <class F>
  void end_and(const F& what) {
    CHECK(daemon.end() == 0);
    for (int i = 0; i < 10; ++i) write_noted(producer, journal);
    what();
    daemon.start();
  }
  void refused(int status, const char* why) {
    CHECK(daemon.process.wait() == status);
    CHECK_MESSAGE(daemon.said().find(why) != std::string::npos, daemon.said());
  }
  // The collector that was started goes on, and each attempt is in one of the logs, once.
  void goes_on(const std::string& old = "") {
    REQUIRE_MESSAGE(daemon.collects(), daemon.said());
    write();
    detach(producer, journal);
    CHECK(all_closed());
    CHECK(daemon.end() == 0);
    CHECK(proven(place.log));
    std::vector<int> times(journal->begun + 1);
    const u64 from = count_sequences(place.log, journal.name(), times);
    if (old.empty()) {
      CHECK(from == 0);
    } else {
      CHECK(proven(old));
      CHECK(from == 100);
      count_sequences(old, journal.name(), times);
    }
    CHECK(std::all_of(times.begin() + 1, times.end(), [](int n) { return n == 1; }));
  }
};

}  // namespace

TEST_CASE(
    "23: a start where the log's directory was moved, or only its files: a new log goes on exactly where the old one ends") {
  for (const char* left : {"nothing", "an empty directory", "the mark"}) {
    CAPTURE(left);
    Stay stay;
    const std::string old = stay.place.home + "/old";
    stay.end_and([&] {
      fs::rename(stay.place.log, old);
      if (left != std::string("nothing")) fs::create_directory(stay.place.log);
      if (left == std::string("the mark")) fs::rename(old + "/mark", stay.place.log + "/mark");
    });
    stay.goes_on(old);
  }
}

TEST_CASE("23: a start where something else stands in the log's place is refused, and works when that is gone") {
  Stay stay;
  const std::string old = stay.place.home + "/old";
  stay.end_and([&] {
    fs::rename(stay.place.log, old);
    std::ofstream(stay.place.log) << "a file";
  });
  stay.refused(3, "Not a directory");
  CHECK(contents(stay.place.log) == "a file");
  fs::remove(stay.place.log);
  fs::rename(old, stay.place.log);
  stay.daemon.start();
  stay.goes_on();
}

TEST_CASE("a start without the newest of several files is refused until it is back, if it had been synced") {
  Stay stay;
  stay.begin_file();
  stay.write();
  std::string newest;
  const std::string aside = stay.place.home + "/aside";
  stay.end_and([&] {
    newest = log_files(stay.place.log).back();
    fs::rename(newest, aside);
  });
  stay.refused(5, "are missing or damaged, but had been on the disk");
  CHECK(log_files(stay.place.log).size() == 1);
  fs::rename(aside, newest);
  stay.daemon.start();
  stay.goes_on();
}

TEST_CASE("a start whose newest file was cut: what was synced is missed until it is back, what was not is cut to whole lines") {
  Stay stay;
  std::string file, text;
  stay.end_and([&] {
    file = log_files(stay.place.log).back(), text = contents(file);
    fs::resize_file(file, text.size() / 2);
  });
  stay.refused(5, "are missing or damaged, but had been on the disk");
  std::ofstream(file) << text << "{\"v\":1,\"kind\":\"ev";  // and a line that a write has torn
  stay.daemon.start();
  stay.goes_on();
  CHECK(log_text(stay.place.log).find("\"cut_bytes\":17") != std::string::npos);
}
