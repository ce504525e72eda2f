// What the audit tests share: a directory of their own, whole files, decoding of what the log wrote, and a small log.
//
// Invariant: nothing here uses the code under test, but for the writer that makes the small log, and verify in proven().
#pragma once

#include <filesystem>
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

// Of a directory that only one thread syncs.
inline DirectorySync directory_sync;

// Removed with all that is in it.
class Directory {
 public:
  Directory();
  Directory(const Directory&) = delete;
  ~Directory();

  const std::string& path() const { return path_; }
  std::string log() const;

 private:
  std::string path_;
};

// A table of calls as it was, whatever a test puts into it.
struct CallsRestored {
  os::Calls kept = os::calls;
  ~CallsRestored() { os::calls = kept; }
};

std::string content(const fs::path& path);
void put_content(const fs::path& path, std::string_view text);

// The log's files in order (all tests write them within one run of the clock).
std::vector<fs::path> log_files(const std::string& dir);
std::vector<fs::path> kept_aside(const std::string& dir);
std::vector<std::string> split_lines(const std::string& text);
std::string all_text(const std::string& dir);

// Whether verify proves the log, and it has no torn end.
bool proven(const std::string& dir);
bool is_accounts_line(std::string_view line);
u64 most_lines_between_accounts(const std::string& dir);

std::span<const std::byte> bytes(std::string_view text);

Event event(std::string_view producer, u64 incarnation, u64 sequence, std::string_view payload, u8 kind = SHMRING_KIND_TEXT);
Loss loss(std::string_view producer, u64 incarnation, u64 first, u64 last, Causes causes);
Causes causes(std::initializer_list<std::pair<Cause, u64>> counts);
LifeLine life(Life what, std::string_view producer, u64 incarnation, u64 last = 0, Causes lost = {}, u64 from = 0);

// A ledger that is plain to see: what the lines passed to it say.
struct PlainLedger {
  std::vector<AccountState> accounts;

  void apply(const Line& line);
};

// A log that is being written, as a collector does it.
struct TestLog {
  explicit TestLog(const std::string& dir, std::string_view ring = "ring", const RingId& id = {},
                   const SyncPolicy& policy = {});
  ~TestLog();

  int append(const std::vector<Line>& lines);
  // Lines that the ledger knows already, of the ring `of`; none: what waits is tried again.
  int append(std::span<const Line> lines, const RingId& of);
  int try_again();
  Accounts accounts() const;

  Appender log;
  Recovered recovered;
  PlainLedger ledger;
  Incarnations over;
  RingId accounts_of{};  // that an accounts line speaks of
  u64 now_ns = 1'000'000'000;
  int error;
};

// Two producers, one with losses and closed, one open.
std::vector<Line> small_batch();

}  // namespace log_test

// Compiled once, in support.cpp.
extern template class std::vector<shmring::log::Line>;
