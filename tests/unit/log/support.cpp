// What the audit tests share: see support.hpp.
#include "tests/unit/log/support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "lib/log/files/verify.hpp"

namespace log_test {

Directory::Directory() {
  char name[] = "/tmp/shmring-audit-XXXXXX";
  REQUIRE(mkdtemp(name) != nullptr);
  path_ = name;
}

Directory::~Directory() { fs::remove_all(path_); }

std::string Directory::log() const { return path_ + "/log"; }

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void put_content(const fs::path& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
}

std::vector<fs::path> log_files(const std::string& dir) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(dir)) {
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return a.filename().string().substr(17) < b.filename().string().substr(17);
  });
  return files;
}

std::vector<fs::path> kept_aside(const std::string& dir) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(dir)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  return files;
}

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string all_text(const std::string& dir) {
  std::string text;
  for (const fs::path& file : log_files(dir)) text += content(file);
  return text;
}

bool proven(const std::string& dir) {
  Verdict verdict;
  REQUIRE(verify(dir, verdict) == 0);
  if (!verdict.proven)
    MESSAGE(verdict.deviation.file, ":", verdict.deviation.line, " ", verdict.deviation.expected, " / ",
            verdict.deviation.found);
  return verdict.proven && verdict.torn_bytes == 0;
}

bool is_accounts_line(std::string_view line) { return line.starts_with(R"({"v":1,"kind":"accounts")"); }

u64 most_lines_between_accounts(const std::string& dir) {
  u64 since = 0, most = 0;
  for (const std::string& line : split_lines(all_text(dir))) {
    since = is_accounts_line(line) ? 0 : since + 1;
    most = std::max(most, since);
  }
  return most;
}

std::span<const std::byte> bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

Event event(std::string_view producer, u64 incarnation, u64 sequence, std::string_view payload, u8 kind) {
  Event out{};
  out.producer = producer, out.incarnation = incarnation, out.sequence = sequence;
  out.lane = 1, out.position = sequence + 100, out.time_ns = 1'795'557'608'123'456'789, out.type = 7, out.kind = kind;
  out.severity = 6, out.payload = bytes(payload);
  return out;
}

Loss loss(std::string_view producer, u64 incarnation, u64 first, u64 last, Causes causes) {
  return {producer, incarnation, first, last, 1'795'557'608'000'000'000, causes};
}

Causes causes(std::initializer_list<std::pair<Cause, u64>> counts) {
  Causes out;
  for (const auto& [cause, count] : counts) out[cause] = count;
  return out;
}

LifeLine life(Life what, std::string_view producer, u64 incarnation, u64 last, Causes lost, u64 from) {
  return {what, producer, incarnation, 1'795'557'608'000'000'000, 4711, 1000, 1, "/usr/bin/payments", from, last, lost, 0};
}

void PlainLedger::apply(const Line& line) {
  const auto find = [this](u64 incarnation) {
    return std::find_if(accounts.begin(), accounts.end(), [&](const AccountState& a) { return a.incarnation == incarnation; });
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

TestLog::TestLog(const std::string& dir, std::string_view ring, const RingId& id, const SyncPolicy& policy) {
  log.set_durability(policy, std::make_unique<SyncAtOnce>());
  error = log.open(dir, ring, id, recovered);
  for (const RecoveredAccount& a : recovered.accounts) {
    ledger.accounts.push_back({a.producer, a.incarnation, a.through, a.open, a.causes});
  }
}

TestLog::~TestLog() = default;

int TestLog::append(const std::vector<Line>& lines) {
  for (const Line& line : lines) ledger.apply(line);
  return append(lines, RingId{});
}

int TestLog::append(std::span<const Line> lines, const RingId& of) {
  if (!lines.empty()) {
    log.append(lines, of);
    if (log.accounts_are_due()) log.append(accounts());
  }
  const int result = log.write();
  log.sync(now_ns += 1'000'000'000);
  if (result == 0 && log.wants_new_file()) log.begin_new_file(accounts());
  return result;
}

int TestLog::try_again() { return append({}, RingId{}); }

Accounts TestLog::accounts() const { return {1'795'557'608'000'000'000, ledger.accounts, over, accounts_of}; }

std::vector<Line> small_batch() {
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

template class std::vector<shmring::log::Line>;
