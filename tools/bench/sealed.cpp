// What a sealed log costs whoever verifies it, proves a line of it, or goes on with it after a crash. See collecting.hpp.
//
// Each log is made by a collector and a writer, once in a run, and kept until the process ends.
#include <algorithm>
#include <filesystem>
#include <memory>

#include "lib/log/files/names.hpp"
#include "lib/log/seal/audit.hpp"
#include "lib/log/seal/kept.hpp"
#include "lib/log/seal/log_proof.hpp"
#include "lib/log/seal/tree.hpp"
#include "lib/os/file.hpp"
#include "tools/bench/collector_child.hpp"

namespace shmring::bench {
namespace {

constexpr u32 slots = 65536;
constexpr u64 file_bytes = u64{128} << 20, small_file_bytes = u64{8} << 20;
constexpr u64 line_bytes = 320;  // and somewhat less
constexpr u64 small_lines = 480'000, many_lines = 10'000'000;
constexpr u64 almost_full = file_bytes - (u64{6} << 20);
constexpr int own_rounds = 9;

struct Found {
  os::Fd directory;
  std::vector<log::LogFile> files;
};

class SealedLog {
 public:
  SealedLog(u64 lines, u64 of_file) : place_(slots, SHMRING_POLICY_WAIT), logging_{log::Level::interval, true, of_file} {
    const auto space = std::filesystem::space(std::filesystem::path(place_.log).parent_path());
    if (space.available < lines * line_bytes + 8 * file_bytes) return;
    writer_ = std::make_unique<TextWriter>(place_);
    Collecting collector(place_, -1, logging_);
    write(lines);
    wait_until_logged(collector);
    collector.stop();
    is_there_ = true;
  }
  // False: the disk has no room for it.
  bool is_there() const { return is_there_; }
  const std::string& dir() const { return place_.log; }
  Found find() const {
    Found found;
    must_be_done(log::open_log_directory(dir(), found.directory));
    must_be_done(log::list_log_files(found.directory.get(), dir(), found.files));
    return found;
  }
  std::vector<log::VerifierKey> keys() const {
    std::string text;
    std::vector<log::KeyNote> chain;
    must_be_done(log::read_kept(find().directory.get(), dir(), log::keys_name, text));
    if (const std::string wrong = log::read_key_chain(text, chain); !wrong.empty()) throw std::runtime_error(wrong);
    return {chain.front().key};
  }
  log::SignedCheckpoint newest() const {
    log::SignedCheckpoint out;
    must_be_done(log::read_checkpoint(find().directory.get(), dir(), log::checkpoint_name, out));
    return out;
  }
  // Kills a collector when a file is almost full. Returns how long the next one takes from its start until it collects.
  double crash() {
    Collecting first(place_, -1, logging_);
    do {
      write(slots / 4);
      wait_until_logged(first);
    } while (last_file_bytes() < almost_full);
    first.kill();
    seem_to_boot(place_);
    const u64 start_ns = os::monotonic_now_ns();
    Collecting next(place_, -1, logging_);
    const u64 end_ns = os::monotonic_now_ns();
    next.stop();
    return static_cast<double>(end_ns - start_ns);
  }

 private:
  void write(u64 lines) {
    for (; lines > 0; --lines, ++written_)
      if (!writer_->write()) throw std::runtime_error("the ring stayed full for a second");
    if (stop_requested()) throw Interrupted();
  }
  void wait_until_logged(const Collecting& collector) const {
    Patience patience(true, grace_ns);
    while (logged(collector.ring()) < written_) patience.once();
  }
  u64 last_file_bytes() const { return std::filesystem::file_size(dir() + "/" + std::string(find().files.back().name)); }

  ScratchRing place_;
  Logging logging_;
  std::unique_ptr<TextWriter> writer_;
  u64 written_ = 0;
  bool is_there_ = false;
};

SealedLog& small_log() {
  static SealedLog log(small_lines, small_file_bytes);
  return log;
}
SealedLog& big_log() {
  static SealedLog log(many_lines, file_bytes);
  return log;
}

void must_hold(bool holds, const std::string& expected, const std::string& found) {
  if (!holds) throw std::runtime_error("its log does not verify: expected " + expected + ", found " + found);
}

void verify(const SealedLog& log) {
  log::Verdict verdict;
  must_be_done(log::verify(log.dir(), verdict));
  must_hold(verdict.proven, verdict.deviation.expected, verdict.deviation.found);
}

void verify_key(const SealedLog& log, unsigned threads) {
  log::Verdict verdict;
  log::Audit audit;
  log::AuditRequest request;
  request.keys = log.keys(), request.threads = threads;
  must_be_done(log::audit(log.dir(), request, verdict, audit));
  must_hold(verdict.proven, verdict.deviation.expected, verdict.deviation.found);
  must_hold(audit.holds && audit.compared > 1, audit.expected, audit.found);
}

// As `openssl dgst -sha256` does it, but for its start.
void digest_files(const SealedLog& log) {
  log::Digest digest;
  std::string block(65536, '\0');
  const Found found = log.find();
  for (const log::LogFile& file : found.files) {
    os::Fd in;
    must_be_done(os::open_at(found.directory.get(), std::string(file.name).c_str(), O_RDONLY, 0, in));
    digest.begin();
    for (ssize_t got; (got = os::calls.read(in.get(), block.data(), block.size())) > 0;)
      digest.add({block.data(), static_cast<std::size_t>(got)});
    digest.end();
  }
}

// Returns the lines of all files, and `each` of them.
std::string read_lines(const SealedLog& log, std::vector<std::string_view>& each) {
  std::string all;
  for (const log::LogFile& file : log.find().files) {
    std::string text;
    must_be_done(os::read_small((log.dir() + "/" + std::string(file.name)).c_str(), text, small_lines * line_bytes));
    all += text;
  }
  for (std::size_t at = 0, end; at < all.size(); at = end)
    end = all.find('\n', at) + 1, each.push_back(std::string_view(all).substr(at, end - at));
  return all;
}

// Does the work, on these processors, and returns how long that took.
u64 time_of(const SealedLog& log, Checking what) {
  std::vector<std::string_view> each;
  std::string all;
  if (what == Checking::hashes_and_verify) all = read_lines(log, each);
  const u64 start_ns = os::monotonic_now_ns();
  switch (what) {
    case Checking::verify: verify(log); break;
    case Checking::sha256: digest_files(log); break;
    case Checking::verify_key: verify_key(log, 0); break;
    case Checking::verify_key_two: verify_key(log, 1); break;
    case Checking::hashes_and_verify: {
      log::Digest digest;
      log::Tree tree(digest);
      for (const std::string_view line : each) tree.add(digest.leaf(line));
      verify(log);
    }
  }
  return os::monotonic_now_ns() - start_ns;
}

log::LineProof prove(const SealedLog& log, u64 index, const log::SignedCheckpoint& checkpoint) {
  log::LineProof proof;
  must_be_done(log::prove_line(log.dir(), index, checkpoint, proof));
  return proof;
}

std::string line_with(const SealedLog& log, u64 index) {
  log::Cursor cursor;
  log::LogLine line{};
  must_be_done(cursor.open(log.dir()));
  must_be_done(cursor.seek(index));
  if (cursor.next(line) != 1 || line.index != index) throw std::runtime_error("the log has no line " + std::to_string(index));
  return std::string(line.text) + "\n";
}

void check(const std::string& text, const std::string& line, const std::vector<log::VerifierKey>& keys) {
  log::LineProof proof;
  log::Mistake mistake{};
  log::SignedCheckpoint checkpoint;
  log::Digest digest;
  if (!log::parse_line_proof(text, proof, mistake) || !log::parse_signed_checkpoint(proof.checkpoint, checkpoint, mistake) ||
      log::check(checkpoint.note, keys.front()) != log::Trust::good)
    throw std::runtime_error("a proof has no good signature");
  const auto root = log::inclusion_root(digest, digest.leaf(line), proof.index, checkpoint.checkpoint.size, proof.path);
  if (!root || *root != checkpoint.checkpoint.root) throw std::runtime_error("a proof does not lead to its root");
}

}  // namespace

Round run_checking(const Job& job, Checking what) {
  const SealedLog& log = small_log();
  Round round;
  if (!log.is_there()) return round;
  SharedWithChildren<Board> board;
  std::vector<Child> children;
  children.emplace_back([&] {
    return play(*board, -1, [&] {
      std::vector<int> on = processors();
      on.resize(std::min(on.size(), std::size_t{what == Checking::verify_key_two ? 2u : 1u}));
      pin(on);
      be_ready(*board, true);
      board->writers[0].ticks = time_of(log, what);
    });
  });
  round = supervise(*board, children, job);
  round.figure = static_cast<double>(board->writers[0].ticks);
  return round;
}

Round run_big_seal(const Job& job) {
  SealedLog& log = big_log();
  Round round;
  for (u64 i = 0; log.is_there() && i < own_rounds; ++i) {
    if (stop_requested()) throw Interrupted();
    if (job.measure == Measure::crash) {
      round.rounds.push_back(log.crash());
      continue;
    }
    const log::SignedCheckpoint newest = log.newest();
    const u64 index = many_lines / own_rounds * i + many_lines / (2 * own_rounds);
    const u64 start_ns = os::monotonic_now_ns();
    const std::string text = text_of(prove(log, index, newest));
    const u64 made_ns = os::monotonic_now_ns();
    const std::string line = line_with(log, index);
    const std::vector<log::VerifierKey> keys = log.keys();
    const u64 check_ns = os::monotonic_now_ns();
    check(text, line, keys);
    const u64 checked_ns = os::monotonic_now_ns();
    const u64 figure = job.measure == Measure::proof    ? text.size()
                       : job.measure == Measure::proved ? made_ns - start_ns
                                                        : checked_ns - check_ns;
    round.rounds.push_back(static_cast<double>(figure));
  }
  return round;
}

}  // namespace shmring::bench
