// A collector of a history: see collector.hpp.
#include "tests/sim/collector.hpp"

#include <cerrno>
#include <cstring>

#include "lib/os/error.hpp"
#include "tests/sim/reader.hpp"

namespace sim {
namespace {

constexpr u64 millisecond = 1'000'000;
constexpr int rounds_to_settle = 40;

log::SyncPolicy sync_policy(const Scenario& scenario) {
  log::SyncPolicy policy;
  policy.level = scenario.level, policy.unsynced_max = scenario.unsynced_max;
  return policy;
}

std::string number(u64 value) { return std::to_string(value); }

}  // namespace

int History::Collector::open() {
  log_.set_policy({.max_bytes = scenario_.file_bytes, .group = {}});
  log_.set_durability(sync_policy(scenario_), std::make_unique<SteppedSyncer>(machine_.turns()));
  int error = log_.claim("/sim/log", "ring");
  if (error == 0) error = log_.recover(found_);
  if (error == -EBADMSG) throw Wrong{std::string("the log is refused: ") + shmring::os::last_error()};
  if (error != 0) return error;
  look_at_what_is_found(found_);
  if (scenario_.is_sealed) error = open_seal();
  if (error != 0) return error;
  error = log_.begin({}, found_);
  if (error == -EBADMSG) throw Wrong{std::string("the log is refused: ") + shmring::os::last_error()};
  if (error != 0) return error;
  durable_ = log_.committed().durable;
  observe();
  for (const log::RecoveredAccount& a : found_.accounts) {
    ledger_.accounts.push_back({a.producer, a.incarnation, a.through, a.open, a.causes});
    incarnation_ = a.incarnation, sequence_ = a.through;
  }
  notes_.push_back({"start", machine_.utc_ns, {}});
  if (found_.cut_bytes > 0) notes_.push_back({"recovery", machine_.utc_ns, {{"cut", number(found_.cut_bytes), true}}});
  figures_.cut_logs += found_.cut_bytes > 0;
  return 0;
}

int History::Collector::open_seal() {
  const log::SealPolicy policy{"/sim/state", "", 5'000 * millisecond, 2'000 * millisecond};
  const int error = seal_.open(log_.directory(), "/sim/log", "ring", policy, {}, found_.next_index,
                               std::make_unique<SimulatedHasher>(machine_));
  if (error == -EBADMSG) throw Wrong{std::string("the seal is refused: ") + shmring::os::last_error()};
  if (error != 0) return error;
  found_signed_ = seal_.signed_index();  // D may be less than that by now, if the mark was lost
  log_.set_tree(seal_);
  return 0;
}

// What is written and what is found agree, and nothing of it is missing that must be there.
void History::Collector::look_at_what_is_found(const log::Recovered& found) {
  const std::vector<std::string> lines = lines_from(machine_.disk, directory(), 0);
  const u64 floor = machine_.disk.dropped() == truth_.drops ? truth_.floor : std::min(truth_.floor, truth_.told);
  if (lines.size() != found.next_index)
    throw Wrong{"a restart says that " + number(found.next_index) + " lines are there, and readers find " +
                number(lines.size())};
  if (lines.size() < floor)
    throw Wrong{"after a restart there are " + number(lines.size()) + " lines, and " + number(floor) + " must be there"};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool was_seen = i < truth_.lines.size() && !truth_.lines[i].empty();
    if (was_seen ? !is_what_was_written(i, lines[i]) : !says_what_was_written(lines[i]))
      throw Wrong{"line " + number(i) + " is not what was written: " + lines[i]};
  }
  for (std::size_t i = truth_.told; i < truth_.lines.size(); ++i)
    if (i >= lines.size() || lines[i] != truth_.lines[i]) truth_.older.emplace(i, truth_.lines[i]);
  truth_.lines = lines;
  truth_.floor = lines.size();
}

bool History::Collector::is_what_was_written(u64 index, const std::string& line) const {
  if (line == truth_.lines[index]) return true;
  const auto [begin, end] = truth_.older.equal_range(index);
  return index >= truth_.told && std::any_of(begin, end, [&](const auto& older) { return older.second == line; });
}

log::Accounts History::Collector::accounts() const { return {machine_.utc_ns, ledger_.accounts, {}, {}}; }

void History::Collector::append(const log::Line& line) {
  ledger_.apply(line);
  log_.append({&line, 1}, {});
}

void History::Collector::append_events() {
  if (ledger_.accounts.empty()) {
    incarnation_ = 10 + truth_.lives, sequence_ = 0;
    append(log_test::life(log::Life::attach, "pay", incarnation_));
  }
  for (u64 more = dice_.below(4); more > 0; --more) {
    const std::string payload = payload_of(++sequence_);
    append(log_test::event("pay", incarnation_, sequence_, payload));
  }
  if (log_.accounts_are_due() || dice_.once_in(6)) log_.append(accounts());
}

void History::Collector::append_notes() {
  for (const log::Note& note : notes_) log_.append(std::vector<log::Line>{note}, {});
  notes_.clear();
}

void History::Collector::begin_new_file_if_wanted() {
  if (!log_.wants_new_file()) return;
  log_.begin_new_file(accounts());
  observe();
}

void History::Collector::write() {
  const int error = log_.write();
  observe();
  if (error == -ESTALE || error == -EUCLEAN || error == -EBADMSG) throw Wrong{shmring::os::last_error()};
  if (error == 0 && log_.has_pending()) return;  // it is held
  begin_new_file_if_wanted();
}

void History::Collector::sync(u64 later_ns) {
  log_.sync(now_ns_ += later_ns);
  machine_.utc_ns += later_ns;
  observe();
  while (const auto voided = log_.take_voided()) {
    ++figures_.replaced;
    if (voided->code == "file_cut") throw Wrong{"lines of " + voided->file + " are given up"};
    notes_.push_back(
        {"incident", machine_.utc_ns, {{"file", voided->file}, {"void", number(voided->from), true}, {"code", voided->code}}});
  }
  begin_new_file_if_wanted();
}

// Notes each line as soon as its write has returned.
void History::Collector::observe() {
  const log::Commit& now = log_.committed();
  if (now.index > truth_.lines.size()) {
    std::vector<std::string> fresh = lines_from(machine_.disk, directory(), truth_.lines.size());
    if (truth_.lines.size() + fresh.size() < now.index && machine_.disk.dropped() == truth_.drops)
      throw Wrong{"lines below " + number(now.index) + " were written, and readers do not find them"};
    fresh.resize(now.index - truth_.lines.size());
    // Of a line whose page was dropped meanwhile, zeros are found.
    for (std::string& line : fresh) truth_.lines.push_back(line.find('\0') == line.npos ? std::move(line) : "");
  }
  if (now.durable < durable_ || now.durable > now.index) throw Wrong{"D is " + number(now.durable)};
  if (scenario_.is_sealed && seal_.signed_index() > std::max(now.durable, found_signed_))
    throw Wrong{number(seal_.signed_index()) + " lines are signed, and D is " + number(now.durable)};
  durable_ = now.durable;
  truth_.told = std::max(truth_.told, durable_);
  truth_.floor = truth_.lines.size();
  if (durable_ == now.index) truth_.drops = machine_.disk.dropped();
}

void History::Collector::step() {
  constexpr u64 pauses[] = {0, millisecond, 25 * millisecond, 1100 * millisecond};
  if (dice_.once_in(12)) log_.rotate();
  if (dice_.once_in(25)) machine_.utc_ns -= 5'000 * millisecond;
  if (!log_.is_held() && !log_.has_pending()) append_notes(), append_events();
  write();
  if (dice_.once_in(2)) machine_.let_sync_thread_run();
  sync(pauses[dice_.below(std::size(pauses))]);
}

void History::Collector::settle() {
  machine_.set_trouble(0), machine_.disk.set_trouble(0);
  machine_.set_sync_speed(95);
  log_.hurry();
  if (scenario_.is_sealed) seal_.hurry();
  for (int i = 0; i < rounds_to_settle; ++i) {
    if (!log_.is_held() && !log_.has_pending()) append_notes();
    write();
    machine_.let_sync_thread_run();
    sync(1100 * millisecond);
    const bool is_signed = !scenario_.is_sealed || (seal_.is_signed() && seal_.error() == 0);
    if (notes_.empty() && !log_.has_pending() && !log_.is_held() && log_.durability().is_durable() && is_signed) return;
  }
  throw Wrong{"after errors have ended, D is " + number(log_.committed().durable) + " and W is " +
              number(log_.committed().index) + (log_.has_pending() ? ", and lines wait" : "")};
}

}  // namespace sim
