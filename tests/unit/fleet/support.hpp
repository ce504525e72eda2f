// A log as its files and its mark, by hand, and an engine that does what it is asked.
//
// Invariant: a mark is of the place in which it stands, as a collector would write it.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "lib/fleet/forwarder.hpp"
#include "lib/fleet/log_store.hpp"
#include "lib/fleet/receiver.hpp"
#include "lib/log/files/archived.hpp"
#include "lib/log/files/mark.hpp"
#include "tests/sim/fleet/engine.hpp"
#include "tests/support/failing_calls.hpp"
#include "tests/unit/log/support.hpp"

namespace fleet_test {

namespace fs = std::filesystem;
namespace os = shmring::os;
using namespace shmring::fleet;
using log_test::content, log_test::put_content, log_test::Directory;
using shmring::log::Archived, shmring::log::u64;
using shmring::test::Replaced;
using sim::Engine;

inline std::string name_of_file(u64 second_of_name, u64 first_index) {
  return shmring::log::log_file_name((1'767'000'000 + second_of_name) * second, first_index);
}
inline std::string line_of(u64 index) { return "line " + std::to_string(index) + "\n"; }
inline std::string lines_of(u64 from, u64 to) {
  std::string out;
  for (u64 i = from; i < to; ++i) out += line_of(i);
  return out;
}

struct SmallLog {
  SmallLog() { fs::create_directory(path()); }

  std::string path() const { return directory.log(); }
  std::string file(const std::string& name) const { return path() + "/" + name; }
  void put(const std::string& name, std::string_view text) const { put_content(file(name), text); }
  void set_durable(u64 index) const {
    struct stat status {};
    put("mark", "");
    REQUIRE(::stat(file("mark").c_str(), &status) == 0);
    shmring::log::Mark mark;
    mark.device = status.st_dev, mark.inode = status.st_ino, mark.durable = index;
    put("mark", mark_text(mark));
  }

  Directory directory;
};

// A forwarder of that log, and its time.
struct Sender {
  explicit Sender(const SmallLog& log, std::optional<u64> from = {}) : forwarder({log.path(), "h", "r", from}, engine) {}

  // Steps until nothing is left to be done for so long.
  void run(u64 ns = 2 * second) {
    for (const u64 until = engine.now_ns + ns; engine.now_ns < until;) {
      const u64 due = forwarder.step(engine.now_ns);
      if (due > engine.now_ns) engine.now_ns = std::min(due, until);
    }
    for (Said& one : forwarder.take_said()) said.push_back(std::move(one));
  }
  LogName name() const { return {"h", "r", forwarder.status().log}; }
  std::string subject(std::string_view rider = {}) const { return subject_of(log_subjects, name(), rider); }
  // The ranges that were sent, and their bytes.
  std::vector<Range> ranges() const {
    std::vector<Range> out;
    for (const Stored& stored : engine.messages(subject())) REQUIRE(parse_range(stored.headers, out.emplace_back()) == "");
    return out;
  }
  std::string sent() const {
    std::string all, bytes;
    for (const Stored& stored : engine.messages(subject())) {
      Range range;
      REQUIRE(parse_range(stored.headers, range) == "");
      REQUIRE(unpack(stored.data, range.end - range.begin, bytes) == "");
      all += bytes;
    }
    return all;
  }
  void tell(const Archived& archived) {
    std::string text;
    REQUIRE(engine.tell(subject_of(archived_subjects, name()), text_of(archived), text) == Outcome::done);
  }
  bool has_said(std::string_view code) const {
    return std::ranges::any_of(said, [code](const Said& one) { return one.code == code; });
  }

  Engine engine{1, std::size_t{1} << 20};
  Forwarder forwarder;
  std::vector<Said> said;
};

inline Range range_of(const std::string& file, u64 begin, std::string_view bytes, u64 next_index, std::string_view before = {},
                      Follows follows = Follows::sent) {
  return {file, begin, begin + bytes.size(), next_index, hash_before(before), follows};
}

}  // namespace fleet_test
