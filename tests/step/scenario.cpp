// The role of a stepped producer, see scenario.hpp.
#include "tests/step/scenario.hpp"

#include <sys/wait.h>

namespace shmring::test {

namespace {

constexpr u64 handlers_key = 1'000'001;

// What the signal handlers work on.
struct Stage {
  shmring_producer* const* producer;
  const Journal* journal;
  Told* told;
  const View* view;
  bool child_goes_on;  // in the call, when its handler returns
  bool is_child;
};
Stage stage;

// NULL: attach has not told it, or detach has let go of it.
shmring_producer* handle() {
  unsigned char resident;
  shmring_producer* const producer = *stage.producer;
  return producer != nullptr && ::mincore(producer, 1, &resident) == 0 ? producer : nullptr;
}

u64 nested_count() {
  const int entry = stage.view->entry_of(::getpid());
  return entry < 0 ? 0 : ring::nested_seen<View::Memory>(stage.view->ring().entries[entry]);
}

void write_in_handler(int) {
  shmring_producer* const producer = handle();
  stage.told->result = no_handle;
  if (producer == nullptr) return;
  Record record;
  make_record(stage.journal->producer, handlers_key, stage.journal->max_record, record);
  const u64 before = shmring_sequence(producer), counted = nested_count();
  const int result = shmring_write(producer, &record.meta, record.payload, record.bytes);
  const u64 after = shmring_sequence(producer);
  stage.told->sequence = result == SHMRING_NESTED ? 0 : after;
  stage.told->counted = nested_count() - counted;
  stage.told->disturbed = result == SHMRING_NESTED && after != before;
  stage.told->result = result;
}

void fork_in_handler(int) {
  const pid_t child = ::fork();
  if (child == 0 && stage.child_goes_on) {
    stage.is_child = true;
    ::alarm(20);
    ::signal(SIGTRAP, [](int) {});  // nobody traces it
    return;
  }
  if (child == 0) {
    const bool refused = shmring_write(*stage.producer, nullptr, "x", 1) == SHMRING_FORKED;
    ::_exit(refused && shmring_sequence(*stage.producer) == 0 ? 0 : 1);
  }
  int status = -1;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  stage.told->child = status;
}

// malloc takes the same path in each tracee, whatever the tests have allocated before it was forked: of each small size it has
// as many pieces at hand.
void even_heap() {
  constexpr std::size_t most_at_hand = 7, largest = 1032;
  for (std::size_t bytes = 24; bytes <= largest; bytes += 16) {
    void* pieces[most_at_hand];
    for (void*& piece : pieces) piece = std::malloc(bytes);
    for (std::size_t i = 0; i < most_at_hand / 2; ++i) std::free(pieces[i]);
  }
}

struct Play {
  const Scenario& scenario;
  Journal& journal;
  Told& told;
  shmring_producer* producer = nullptr;
  // At the same place in a page each time: the C library copies in another direction where source and target lie badly to each
  // other in their pages, and the place that is tried must be on the way that was recorded.
  alignas(ring::page_bytes) Record record{};
  u64 key = 0;
  void* place = nullptr;  // claimed

  bool attach() {
    const std::string name = journal.name();
    const shmring_attach_options options{sizeof options, scenario.lane, name.c_str(), nullptr, nullptr, 0, 0};
    const bool under_test = scenario.call == Call::attach;
    if (under_test) even_heap(), call_begins();
    int result = shmring_attach(Workplace::ring, &options, &producer);
    if (under_test) call_ends();
    if (stage.is_child) end_child(result);
    if (result == -EBUSY && told.child != -1)  // its child had the lane
      result = (producer = test::attach(Workplace::ring, journal, scenario.lane)) != nullptr ? 0 : result;
    if (result == 0) journal->incarnation = shmring_incarnation(producer);
    if (under_test) note_handlers();
    return result == 0;
  }
  void write_before() {
    const u64 small = key_of(journal, 64, 0);
    for (u32 n = 1; n <= scenario.before; ++n) {
      journal.set_key(journal->begun + 1, small);
      write_noted(producer, journal);
    }
  }
  [[noreturn]] void end_child(int attached);
  void detach();
  void note_handlers();
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
  journal->nested += told.counted;
  const bool counted = told.counted == (told.result == SHMRING_NESTED ? 1 : 0);
  if (result == -1000 || told.disturbed || !counted || shmring_sequence(producer) != journal->begun) ++journal->wrong;
}

// A child that was forked inside attach and has come to its end: it was refused, or has its parent's handle, which refuses it,
// or it has become a producer of its own.
void Play::end_child(int attached) {
  if (attached != 0) ::_exit(0);
  journal->childs = shmring_incarnation(producer);
  const bool is_own = journal->childs != 0;
  const bool is_refused = !is_own && shmring_write(producer, nullptr, "x", 1) == SHMRING_FORKED;
  shmring_detach(producer);
  ::_exit(is_own || is_refused ? 0 : 1);
}

// What a handler wrote before the role's first attempt, or after its last one. A handle that has left counts nothing.
void Play::note_handlers() {
  journal->nested += told.counted;
  if (told.disturbed || told.counted > (told.result == SHMRING_NESTED ? 1 : 0)) ++journal->wrong;
  if (told.sequence == 0) return;
  journal.set_key(told.sequence, handlers_key);
  journal.begin(told.sequence);
  journal.end(told.sequence, told.result);
}

void Play::detach() {
  const bool under_test = scenario.call == Call::detach;
  journal->detaching = 1;
  if (under_test) call_begins();
  shmring_detach(producer);
  if (under_test) call_ends();
  if (stage.is_child) ::_exit(0);
  if (under_test && scenario.bytes != 0) journal.end(journal->begun, given_up);
  if (under_test) note_handlers();
  journal->detached = 1;
}

}  // namespace

int play(const Scenario& scenario, Journal& journal, Told& told) {
  const View view;
  Play it{scenario, journal, told};
  stage = {&it.producer, &journal, &told, &view, !scenario.has_handle(), false};
  ::signal(SIGUSR1, write_in_handler);
  ::signal(SIGUSR2, fork_in_handler);
  if (!it.attach()) return 1;
  it.write_before();
  if (scenario.has_handle() || (scenario.call == Call::detach && scenario.bytes != 0)) {
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
  it.detach();
  return 0;
}

}  // namespace shmring::test
