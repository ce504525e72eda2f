// One history of a log: see history.hpp.
#include "tests/sim/history.hpp"

#include <cstring>

#include "lib/log/files/verify.hpp"
#include "lib/log/seal/checkpoint.hpp"
#include "lib/log/seal/keys.hpp"
#include "lib/log/seal/tree.hpp"
#include "lib/os/error.hpp"
#include "tests/sim/collector.hpp"
#include "tests/sim/reader.hpp"
#include "tests/support/mode.hpp"

namespace sim {

Scenario scenario_of(u64 seed, u64 number, bool has_trouble) {
  Dice dice(seed * 1000003 + number);
  constexpr u64 files[] = {1'000, 3'000, 8'000, 1 << 20}, unsynced[] = {4'000, 16'000, 1 << 20};
  constexpr u64 speeds[] = {20, 50, 80, 97};
  Scenario out{};
  out.level = static_cast<log::Level>(1 + number % 3);
  out.page_bytes = dice.once_in(2) ? 4096 : 512;
  out.file_bytes = files[dice.below(std::size(files))];
  out.unsynced_max = unsynced[dice.below(std::size(unsynced))];
  out.sync_speed = speeds[dice.below(std::size(speeds))];
  out.is_rename_old = dice.once_in(8);
  out.steps = dice.from_to(10, 40);
  // What may fail while keys are made and changed is more than a check has time for.
  out.is_sealed = number / 3 % 2 == 0 && (!has_trouble || shmring::test::by_mode(false, false, true));
  if (has_trouble) out.disk_trouble = dice.from_to(4, 30);
  if (has_trouble && dice.once_in(2)) out.call_trouble = dice.from_to(10, 60);
  out.seed = dice.next();
  return out;
}

History::History(const Scenario& scenario, Figures& figures)
    : scenario_(scenario), figures_(figures), machine_(scenario.seed, scenario.page_bytes) {
  machine_.set_old_rename(scenario.is_rename_old);
}

History::~History() { figures_.dropped += machine_.disk.dropped(); }

u64 History::run(u64 cut_at, Death death) {
  Dice plan(scenario_.seed), after(scenario_.seed ^ (cut_at * 2 + (death == Death::kill)) * 0x9e3779b97f4a7c15);
  live(scenario_.steps, cut_at, plan, cut_at == 0);
  const u64 calls = machine_.calls();
  die(death, after.next());
  // The next ones may be cut as well, also while they start. Then one goes on with a disk that does what it is asked.
  for (u64 more = after.from_to(1, 3); more > 0; --more) {
    const bool is_cut_again = !after.once_in(4);
    live(after.from_to(1, 8), is_cut_again ? after.from_to(1, 60) : 0, Dice(after.next()), false);
    die(after.once_in(2) ? Death::kill : Death::power_cut, after.next());
  }
  for (const bool is_last : {false, true}) {
    live(is_last ? 1 : after.from_to(2, 8), 0, Dice(after.next()), true);
    check_whole();
    die(after.once_in(2) ? Death::kill : Death::power_cut, after.next());
  }
  return calls;
}

void History::live(u64 steps, u64 cut_at, Dice plan, bool settles) {
  const bool is_quiet = settles && cut_at == 0 && truth_.lives > 0;
  machine_.set_trouble(is_quiet ? 0 : scenario_.call_trouble);
  machine_.disk.set_trouble(is_quiet ? 0 : scenario_.disk_trouble);
  machine_.set_sync_speed(scenario_.sync_speed);
  machine_.begin_process(cut_at);
  ++truth_.lives;
  machine_.tell("a collector begins");
  Collector collector(scenario_, machine_, truth_, figures_, plan);
  int error = 0;
  try {
    error = collector.open();
    if (error == 0) refused_ = 0;
    for (u64 i = 0; error == 0 && i < steps; ++i) collector.step();
    if (error == 0 && settles) collector.settle();
  } catch (const Cut&) {
  } catch (const Wrong& wrong) {
    machine_.end_process();
    throw;
  }
  machine_.end_process();
  if (error != 0) machine_.tell(std::string("it does not start: ") + shmring::os::last_error());
  figures_.refused_starts += error != 0;
  if (error == 0 || !is_quiet) return;
  // An error of before may be told to this one. Whoever is started next meets none.
  if (refused_++ > 0) throw Wrong{std::string("the log cannot be opened: ") + shmring::os::last_error()};
  live(steps, cut_at, plan, settles);
}

void History::die(Death death, u64 seed) {
  ++(death == Death::kill ? figures_.kills : figures_.power_cuts);
  machine_.tell(std::string(death == Death::kill ? "killed" : "power cut") + ", told " + std::to_string(truth_.told) + ", W " +
                std::to_string(truth_.lines.size()));
  if (directory() != 0) machine_.tell(listing(machine_.disk, directory()));
  if (death == Death::kill) return;
  machine_.cut_power(seed);
  truth_.floor = truth_.told;
  machine_.tell(directory() == 0 ? "no directory is left" : "what is left:\n" + listing(machine_.disk, directory()));
}

std::string History::story() const { return machine_.story() + (directory() == 0 ? "" : listing(machine_.disk, directory())); }

// All is durable by now, so nothing may be missing, and verify has nothing to say.
void History::check_whole() {
  const std::vector<std::string> lines = lines_from(machine_.disk, directory(), 0);
  if (lines.size() != truth_.lines.size())
    throw Wrong{std::to_string(truth_.lines.size()) + " lines were written, and readers find " + std::to_string(lines.size())};
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (!truth_.lines[i].empty() && lines[i] != truth_.lines[i])
      throw Wrong{"line " + std::to_string(i) + " is not what was written: " + lines[i]};
  log::Verdict verdict;
  if (log::verify("/sim/log", verdict) != 0) throw Wrong{std::string("verify: ") + shmring::os::last_error()};
  const log::Deviation& d = verdict.deviation;
  if (!verdict.proven)
    throw Wrong{"verify: " + d.file + ":" + std::to_string(d.line) + ": expected " + d.expected + ", found " + d.found};
  if (scenario_.is_sealed) check_seal(lines);
}

// Of a key that is over the disk has no secret, also in no block without a name.
void History::check_erasure(const std::vector<log::KeyNote>& chain) const {
  for (const auto& [number, inode] : machine_.disk.inodes()) {
    const std::string_view line = std::string_view(inode.disk_bytes).substr(0, inode.disk_bytes.find('\n'));
    log::SecretKey secret;
    if (inode.is_directory || !log::SecretKey::parse(line, secret)) continue;
    for (const log::KeyNote& note : chain)
      if (note.epoch != chain.back().epoch && note.key == secret.verifier())
        throw Wrong{"the disk has the secret of epoch " + std::to_string(note.epoch) + ", and the chain ends with epoch " +
                    std::to_string(chain.back().epoch)};
  }
}

// One chain of keys, no secret of an older epoch, and each root that was signed is that of the lines.
void History::check_seal(const std::vector<std::string>& lines) {
  std::vector<log::KeyNote> chain;
  const std::string keys = machine_.disk.at(machine_.disk.find(directory(), log::keys_name)).bytes;
  if (const std::string wrong = log::read_key_chain(keys, chain); !wrong.empty()) throw Wrong{"keys: " + wrong};
  const u64 state = machine_.disk.find(Disk::root, "state");
  // A collector that ends leaves the secret of the next epoch where its note is not written yet, and never an older one.
  const auto secret = [](u64 epoch) { return "epoch-" + std::to_string(epoch) + ".key"; };
  const u64 last = chain.back().epoch;
  if (machine_.disk.find(state, secret(last)) == 0) throw Wrong{"the secret of epoch " + std::to_string(last) + " is missing"};
  for (const auto& [name, inode] : machine_.disk.at(state).names)
    if (name.starts_with("epoch-") && name != secret(last) && name != secret(last + 1))
      throw Wrong{name + " is left, and the chain ends with epoch " + std::to_string(last)};
  check_erasure(chain);
  figures_.keys += chain.size() - 1;
  std::map<u64, log::Hash> roots;
  for (const log::KeyNote& key : chain) roots[key.size] = key.root;
  const auto take = [&](std::string_view text) {
    log::SignedNote note;
    log::Checkpoint checkpoint;
    while (log::take_note(text, note)) {
      if (!log::parse_checkpoint(note.text, checkpoint)) continue;
      const auto [at, is_new] = roots.try_emplace(checkpoint.size, checkpoint.root);
      if (!is_new && at->second != checkpoint.root)
        throw Wrong{"two roots of " + std::to_string(checkpoint.size) + " lines were signed"};
    }
  };
  for (const auto& [name, inode] : machine_.disk.at(directory()).names)
    if (name.ends_with(log::checkpoints_suffix) || name == log::checkpoint_name) take(machine_.disk.at(inode).bytes);
  if (roots.rbegin()->first != lines.size())
    throw Wrong{"the newest checkpoint is of " + std::to_string(roots.rbegin()->first) + " lines of " +
                std::to_string(lines.size())};
  log::Digest digest;
  log::Tree tree(digest);
  for (std::size_t i = 0; i <= lines.size(); ++i) {
    const auto found = roots.find(i);
    if (found != roots.end() && found->second != tree.root())
      throw Wrong{"the root that was signed of " + std::to_string(i) + " lines is not theirs"};
    if (found != roots.end()) ++figures_.checkpoints;
    if (i < lines.size()) tree.add(digest.leaf(lines[i] + "\n"));
  }
}

}  // namespace sim
