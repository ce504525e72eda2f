// What the audit tests share: a directory of their own, whole files, decoding of what the log wrote, and a small log.
//
// Invariant: nothing here uses the code under test, but for the writer that makes the small log.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "lib/collect/ledger.hpp"
#include "lib/include/shmring/shmring.h"
#include "lib/log/files/appender.hpp"
#include "lib/os/error.hpp"

namespace log_test {

namespace fs = std::filesystem;
using namespace shmring;
using namespace shmring::log;
using namespace shmring::collect;

// Removed with all that is in it.
class Directory {
 public:
  Directory() {
    char name[] = "/tmp/shmring-audit-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
  }
  Directory(const Directory&) = delete;
  ~Directory() { fs::remove_all(path_); }

  const std::string& path() const { return path_; }
  std::string log() const { return path_ + "/log"; }

 private:
  std::string path_;
};

// A table of calls as it was, whatever a test puts into it.
struct CallsRestored {
  os::Calls kept = os::calls;
  ~CallsRestored() { os::calls = kept; }
};

inline std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

inline void put_content(const fs::path& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
}

// The log's files in order (all tests write them within one run of the clock).
inline std::vector<fs::path> log_files(const std::string& dir) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(dir)) {
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return a.filename().string().substr(17) < b.filename().string().substr(17);
  });
  return files;
}

inline std::vector<fs::path> kept_aside(const std::string& dir) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(dir)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  return files;
}

inline std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

inline std::string all_text(const std::string& dir) {
  std::string text;
  for (const fs::path& file : log_files(dir)) text += content(file);
  return text;
}

inline std::span<const std::byte> bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

inline Event event(std::string_view producer, u64 incarnation, u64 sequence, std::string_view payload,
                   u8 kind = SHMRING_KIND_TEXT) {
  Event out{};
  out.producer = producer, out.incarnation = incarnation, out.sequence = sequence;
  out.lane = 1, out.position = sequence + 100, out.time_ns = 1'795'557'608'123'456'789, out.type = 7, out.kind = kind;
  out.severity = 6, out.payload = bytes(payload);
  return out;
}

inline Loss loss(std::string_view producer, u64 incarnation, u64 first, u64 last, Causes causes) {
  return {producer, incarnation, first, last, 1'795'557'608'000'000'000, causes};
}

inline Causes causes(std::initializer_list<std::pair<Cause, u64>> counts) {
  Causes out;
  for (const auto& [cause, count] : counts) out[cause] = count;
  return out;
}

inline LifeLine life(Life what, std::string_view producer, u64 incarnation, u64 last = 0, Causes lost = {}, u64 from = 0) {
  return {what, producer, incarnation, 1'795'557'608'000'000'000, 4711, 1000, 1, "/usr/bin/payments", from, last, lost, 0};
}

// A ledger that is plain to see: what the lines passed to it say.
struct PlainLedger {
  std::vector<AccountState> accounts;

  void apply(const Line& line) {
    const auto find = [this](u64 incarnation) {
      return std::find_if(accounts.begin(), accounts.end(),
                          [&](const AccountState& a) { return a.incarnation == incarnation; });
    };
    if (const auto* e = std::get_if<Event>(&line)) find(e->incarnation)->through = e->sequence;
    if (const auto* l = std::get_if<Loss>(&line))
      find(l->incarnation)->through = l->last, find(l->incarnation)->causes += l->causes;
    if (const auto* g = std::get_if<Gone>(&line)) accounts.erase(find(g->incarnation));
    if (const auto* a = std::get_if<LifeLine>(&line)) {
      if (a->life == Life::attach) {
        accounts.push_back({a->producer, a->incarnation, a->from, true, {}});
      } else {
        find(a->incarnation)->open = false;
      }
    }
  }
};

// A log that is being written, as a collector does it.
struct TestLog {
  explicit TestLog(const std::string& dir, std::string_view ring = "ring", const RingId& id = {}) {
    error = log.open(dir, ring, id, recovered);
    for (const RecoveredAccount& a : recovered.accounts) {
      ledger.accounts.push_back({a.producer, a.incarnation, a.through, a.open, a.causes});
    }
  }
  int append(const std::vector<Line>& lines) {
    for (const Line& line : lines) ledger.apply(line);
    return append(lines, RingId{});
  }
  // Lines that the ledger knows already, of the ring `of`; none: what waits is tried again.
  int append(std::span<const Line> lines, const RingId& of) {
    if (!lines.empty()) {
      log.append(lines, of);
      if (log.accounts_are_due()) log.append(accounts());
    }
    const int result = log.write();
    if (result == 0 && log.wants_new_file()) log.begin_new_file(accounts());
    return result;
  }
  int try_again() { return append({}, RingId{}); }
  Accounts accounts() const { return {1'795'557'608'000'000'000, ledger.accounts, over, accounts_of}; }

  Appender log;
  Recovered recovered;
  PlainLedger ledger;
  Incarnations over;
  RingId accounts_of{};  // that an accounts line speaks of
  int error;
};

// Two producers, one with losses and closed, one open.
inline std::vector<Line> small_batch() {
  return {life(Life::attach, "pay", 10),
          event("pay", 10, 1, "one"),
          loss("pay", 10, 2, 4, causes({{Cause::full, 2}, {Cause::refused, 1}})),
          life(Life::attach, "audit", 11, 0, {}, 5),
          event("audit", 11, 6, "{\"a\": [1, 2]}", SHMRING_KIND_JSON),
          event("pay", 10, 5, "five"),
          life(Life::died, "pay", 10, 5, causes({{Cause::full, 2}, {Cause::too_big, 1}})),
          event("audit", 11, 7, std::string_view("\xff\x00\x01", 3), SHMRING_KIND_BYTES),
          loss("audit", 11, 8, 9, causes({{Cause::died, 1}, {Cause::overwritten, 1}}))};
}

}  // namespace log_test
