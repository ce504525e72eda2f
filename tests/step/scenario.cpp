// The role of a stepped producer, see scenario.hpp.
#include "tests/step/scenario.hpp"

namespace shmring::test {

namespace {

constexpr u64 handlers_key = 1'000'001;

// What the signal handlers work on.
struct Stage {
  shmring_producer* producer;
  const Journal* journal;
  Told* told;
};
Stage stage;

void write_in_handler(int) {
  Record record;
  make_record(stage.journal->producer, handlers_key, stage.journal->max_record, record);
  const u64 before = shmring_sequence(stage.producer);
  const int result = shmring_write(stage.producer, &record.meta, record.payload, record.bytes);
  const u64 after = shmring_sequence(stage.producer);
  stage.told->sequence = result == SHMRING_NESTED ? 0 : after;
  stage.told->disturbed = result == SHMRING_NESTED && after != before;
  stage.told->result = result;
}

void fork_in_handler(int) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool refused = shmring_write(stage.producer, nullptr, "x", 1) == SHMRING_FORKED;
    ::_exit(refused && shmring_sequence(stage.producer) == 0 ? 0 : 1);
  }
  int status = -1;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  stage.told->child = status;
}

struct Play {
  const Scenario& scenario;
  Journal& journal;
  Told& told;
  shmring_producer* producer = nullptr;
  Record record{};
  u64 key = 0;
  void* place = nullptr;  // claimed

  bool attach() {
    const std::string name = journal.name();
    const shmring_attach_options options{sizeof options, name.c_str(), scenario.lane, 0, nullptr};
    const bool under_test = scenario.call == Call::attach;
    if (under_test) call_begins();
    const int result = shmring_attach(Workplace::ring, &options, &producer);
    if (under_test) call_ends();
    if (result == 0) journal->incarnation = shmring_incarnation(producer);
    return result == 0;
  }
  void write_before() {
    const u64 small = key_of(journal, 64, 0);
    for (u32 n = 1; n <= scenario.before; ++n) {
      journal.set_key(n, small);
      write_noted(producer, journal);
    }
  }
  int claim() { return shmring_claim(producer, record.bytes, &place); }
  int commit() { return shmring_commit(producer, &record.meta, record.bytes); }
  void fill() { std::memcpy(place, record.payload, record.bytes); }
  bool handler_came_behind(u64 base) const { return told.sequence > base + 1; }
  int result_of_call(u64 base);
  void sort_in(u64 base, int result);
};

// The result of the attempt, for the journal; −1000: it cannot be.
int Play::result_of_call(u64 base) {
  int result = 0;
  switch (scenario.call) {
    case Call::write:
      call_begins();
      result = shmring_write(producer, &record.meta, record.payload, record.bytes);
      call_ends();
      return result >= 0 ? result : -1000;
    case Call::claim:
      call_begins();
      result = claim();
      call_ends();
      if (result != 0) return result;
      if (handler_came_behind(base)) return commit() == -EINVAL ? given_up : -1000;  // it has aborted the claim
      fill();
      return commit() == 0 ? 0 : -1000;
    case Call::commit:
    case Call::abort:
      if ((result = claim()) != 0) return result;
      fill();
      call_begins();
      result = scenario.call == Call::commit ? commit() : shmring_abort(producer);
      call_ends();
      if (result == -EINVAL && told.sequence != 0) return given_up;
      if (result == 0 && scenario.call == Call::abort) return given_up;
      return result == 0 ? 0 : -1000;
    default: return claim() == 0 ? unreported : -1000;  // detach aborts it
  }
}

void Play::sort_in(u64 base, int result) {
  u64 mine = base + 1;
  if (told.sequence != 0) {
    const u64 last = base + 2;
    if (told.sequence == mine) mine = last;
    journal.end(base + 1, 0), journal.begin(last);
    journal.set_key(told.sequence, handlers_key), journal.set_key(mine, key);
    journal.end(told.sequence, told.result);
  }
  journal.end(mine, result);
  if (told.result == SHMRING_NESTED) ++journal->nested;
  if (result == -1000 || told.disturbed || shmring_sequence(producer) != journal->begun) ++journal->wrong;
}

}  // namespace

int play(const Scenario& scenario, Journal& journal, Told& told) {
  Play it{scenario, journal, told};
  if (!it.attach()) return 1;
  stage = {it.producer, &journal, &told};
  ::signal(SIGUSR1, write_in_handler);
  ::signal(SIGUSR2, fork_in_handler);
  it.write_before();
  const bool claims = scenario.call == Call::detach && scenario.bytes != 0;
  if (scenario.has_handle() || claims) {
    const u64 base = journal->begun;
    it.key = key_of(journal, scenario.bytes, 1000);
    make_record(journal.producer, it.key, journal.max_record, it.record);
    journal.set_key(base + 1, it.key);
    journal.begin(base + 1);
    it.sort_in(base, it.result_of_call(base));
  }
  if (scenario.call != Call::detach) {
    write_noted(it.producer, journal);
    write_noted(it.producer, journal);
  }
  journal->detaching = 1;
  if (scenario.call == Call::detach) call_begins();
  shmring_detach(it.producer);
  if (scenario.call == Call::detach) call_ends();
  if (claims) journal.end(journal->begun, given_up);
  journal->detached = 1;
  return 0;
}

}  // namespace shmring::test
