// A sealed log that is being written, and what must be true of it: each checkpoint says the root of the lines that are there,
// computed here by the definition.
//
// Invariant: one SealedLog at a time, since the calls that it replaces are in one table.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/log/seal/new_log.hpp"
#include "lib/log/seal/sealing.hpp"
#include "tests/unit/log/files/durable_log.hpp"

namespace log_test {

// The root of a tree by its definition (RFC 6962, section 2.1).
inline Hash root_by_definition(Digest& digest, std::span<const std::string> lines) {
  if (lines.empty()) return digest.empty();
  if (lines.size() == 1) return digest.leaf(lines[0]);
  std::size_t left = 1;
  while (2 * left < lines.size()) left *= 2;
  return digest.node(root_by_definition(digest, lines.first(left)), root_by_definition(digest, lines.subspan(left)));
}

// Does each job when the test lets it. `around` is called with true before a job, and with false behind it.
class HeldHasher final : public Hasher {
 public:
  HeldHasher(bool& is_held, void (*around)(bool)) : is_held_(is_held), around_(around) {}
  int open(Notary& notary) override { return notary_ = &notary, 0; }
  void begin(SealJob job) override { job_ = std::move(job), is_busy_ = true; }
  std::optional<SealResult> take() override {
    if (is_held_ || !is_busy_) return std::nullopt;
    is_busy_ = false;
    around_(true);
    const SealResult result = notary_->perform(job_);
    around_(false);
    job_ = {};
    return result;
  }
  bool is_busy() const override { return is_busy_; }
  int descriptor() const override { return -1; }

 private:
  bool& is_held_;
  void (*around_)(bool);
  Notary* notary_ = nullptr;
  SealJob job_;
  bool is_busy_ = false;
};

struct SealedLog {
  explicit SealedLog(Level level = Level::every) : policy(at(level)) {
    seal.state = dir.path() + "/state";
    seal.keep_ns = second;                                          // each one, so that each is checked
    os::calls.fdatasync = os::calls.fsync = [](int) { return 0; };  // no power fails here
  }

  // Returns 0 or −errno, as a collector's start.
  int begin() {
    sealing = std::make_unique<Sealing>();
    log = std::make_unique<Appender>();
    log->set_policy(files);
    log->set_durability(policy, std::make_unique<SyncAtOnce>());
    int error = log->claim(dir.log(), "ring");
    if (error == 0 && is_sealed) error = move_old();
    if (error == 0) error = log->recover(recovered);
    if (error == 0 && is_sealed)
      error = sealing->open(log->directory(), dir.log(), "ring", seal, {}, recovered.next_index,
                            std::make_unique<HeldHasher>(is_held, around));
    if (error == 0 && is_sealed) log->set_tree(*sealing);
    if (error == 0) error = log->begin(RingId{}, recovered);
    if (error == 0 && old) error = forget_old_log(log->directory(), dir.log());
    ledger.accounts.clear();
    for (const RecoveredAccount& a : recovered.accounts)
      ledger.accounts.push_back({a.producer, a.incarnation, a.through, a.open, a.causes});
    if (error == 0 && ledger.accounts.empty()) append(life(Life::attach, "pay", 10));
    sequence = ledger.accounts.empty() ? 0 : ledger.accounts[0].through;
    return error;
  }
  int move_old() {
    Secrets secrets;
    int error = secrets.open(seal.state, true);
    if (error == 0) error = move_old_log(log->directory(), dir.log(), secrets, wants_new_log, 1'795'557'608'000'000'000, old);
    if (error == 0 && old) log->set_old_log(*old);
    return error;
  }
  // As after a kill: nothing of the process is left.
  void kill() { log.reset(), sealing.reset(); }

  Accounts accounts() const { return {1'795'557'608'000'000'000, ledger.accounts, {}, {}}; }
  void append(const Line& line) {
    ledger.apply(line);
    log->append({&line, 1}, RingId{});
    if (log->accounts_are_due()) log->append(accounts());
    turn();
  }
  void write(int events = 1) {
    for (; events > 0; --events) append(event("pay", 10, ++sequence, "payload"));
  }
  // One turn of a collector's loop.
  void turn(u64 later_ns = second) {
    (void)log->write();
    log->sync(now_ns += later_ns);
    if (log->wants_new_file()) log->begin_new_file(accounts());
  }
  void rotate() {
    log->rotate();
    turn();
  }
  // As at the end: all is durable and signed.
  void finish() {
    log->hurry(), sealing->hurry();
    for (int i = 0; i < 10 && !(log->durability().is_durable() && sealing->is_signed()); ++i) turn();
  }

  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (std::string& line : split_lines(all_text(dir.log()))) out.push_back(line + "\n");
    return out;
  }
  std::vector<KeyNote> chain() const {
    std::vector<KeyNote> out;
    const std::string wrong = read_key_chain(content(dir.log() + "/keys"), out);
    CHECK_MESSAGE(wrong.empty(), wrong);
    return out;
  }
  std::vector<Checkpoint> checkpoints() const {
    std::vector<Checkpoint> out;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(dir.log()))
      if (entry.path().extension() == ".checkpoints") files.push_back(entry.path());
    std::ranges::sort(files);
    for (const fs::path& file : files) {
      const std::string text = content(file);
      std::string_view notes = text;
      SignedNote note;
      while (take_note(notes, note)) {
        REQUIRE(parse_checkpoint(note.text, out.emplace_back()));
        check_signatures(note, out.back());
      }
    }
    return out;
  }
  u64 newest() const {
    u64 size = 0;
    for (const Checkpoint& checkpoint : checkpoints()) size = std::max(size, checkpoint.size);
    return size;
  }
  // By the log's key, and by that of an epoch which had begun, and whose successor had not.
  void check_signatures(const SignedNote& note, const Checkpoint& checkpoint) const {
    SecretKey key;
    Secrets secrets;
    REQUIRE((secrets.open(seal.state, false) == 0 && secrets.read_log_key(key) == 0));
    CHECK(check(note, key.verifier()) == Trust::good);
    const std::vector<KeyNote> keys = chain();
    int signers = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (check(note, keys[i].key) != Trust::good) continue;
      ++signers;
      CHECK(checkpoint.size >= keys[i].size);
      if (i + 1 < keys.size()) CHECK(checkpoint.size <= keys[i + 1].size);
    }
    CHECK(signers == 1);
  }
  // Each checkpoint and each key's note says the root of the lines that are there.
  void check_all(u64 base = 0) const {
    Digest digest;
    const std::vector<std::string> all = lines();
    const auto root = [&](u64 size) {
      REQUIRE(base + size <= all.size());
      return root_by_definition(digest, std::span(all).subspan(base, size));
    };
    for (const Checkpoint& checkpoint : checkpoints()) CHECK(checkpoint.root == root(checkpoint.size));
    for (const KeyNote& key : chain()) CHECK(key.root == root(key.size));
    for (std::size_t i = base; i < all.size(); ++i) {
      Parsed parsed;
      Mistake mistake;
      REQUIRE(parse(std::string_view(all[i]).substr(0, all[i].size() - 1), parsed, mistake));
      if (parsed.kind != Kind::accounts || !parsed.clean) continue;
      REQUIRE(parsed.tree);
      CHECK(parsed.tree->base == base);
      CHECK(root_of(digest, parsed.tree->frontier) == root(i - base));
    }
    CHECK(proven(dir.log()));
  }
  std::vector<u64> epochs() const {
    std::vector<u64> out;
    Secrets secrets;
    REQUIRE((secrets.open(seal.state, false) == 0 && secrets.list(out) == 0));
    return out;
  }

  CallsRestored restored;
  Directory dir;
  SyncPolicy policy;
  FilePolicy files;
  SealPolicy seal;
  bool is_sealed = true, is_held = false, wants_new_log = false;
  void (*around)(bool) = [](bool) {};  // each job of the hasher
  std::optional<FormerLog> old;
  Recovered recovered;
  std::unique_ptr<Sealing> sealing;
  std::unique_ptr<Appender> log;  // before the seal it goes
  PlainLedger ledger;
  u64 sequence = 0, now_ns = second;
};

}  // namespace log_test
