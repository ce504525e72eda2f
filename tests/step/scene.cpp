// See scene.hpp.
#include "tests/step/scene.hpp"

#include "lib/os/error.hpp"

namespace shmring::test {

Drain::Drain(const std::string& log_dir) {
  audit::Recovered recovered;
  auto accounts = [this] { return collector_->ledger().accounts(host_->now_utc_ns()); };
  if (os::attach(Workplace::ring, segment_) != 0 || os::take_lease(segment_) != 0 ||
      log_.open(log_dir, segment_.name, accounts, recovered) != 0) {
    trouble_ = os::last_error();
    return;
  }
  host_ = std::make_unique<daemon::Host>(segment_.ring);
  store_ = std::make_unique<daemon::Store>(log_);
  collector_ = std::make_unique<Collector>(segment_.ring, ring::Pace{}, *host_, *store_);
  std::vector<audit::AccountState> known;
  for (const audit::RecoveredAccount& account : recovered.accounts)
    known.push_back({account.producer, account.incarnation, account.through, account.open, account.causes});
  if (!collector_->start(known)) trouble_ = "the collector did not start";
}

bool Drain::pass() {
  if (!trouble_.empty()) return false;
  host_->look_at_clocks();
  if (!collector_->pass(true)) trouble_ = "the log cannot be written";
  return trouble_.empty();
}

namespace {

const os::Sample program_start = os::take_sample(os::choose_clock());

// The ring says that it is as old as this program: a collector of a younger one sleeps until it knows the clock's rate.
bool grow_old() {
  os::Segment segment;
  if (os::attach(Workplace::ring, segment) != 0) return false;
  ring::Header& header = *segment.ring.header;
  header.created_ticks = program_start.ticks;
  header.created_monotonic_ns = program_start.monotonic_ns, header.created_utc_ns = program_start.utc_ns;
  return true;
}

}  // namespace

Scene::Scene(Shape shape) {
  shmring_create_options options{};
  options.struct_size = sizeof options;
  options.slots = slots, options.slot_bytes = shape.slot_bytes, options.lanes = 2;
  options.on_full = shape.on_full, options.wait_us = shape.wait_us, options.max_record = max_record;
  if (shmring_create(Workplace::ring, &options) != 0 || !grow_old()) trouble = shmring_last_error();
  view = std::make_unique<View>();
  if (!view->opened) trouble = "the ring cannot be looked at";
}

bool Scene::pass() {
  if (!drain->pass() && trouble.empty()) trouble = drain->trouble();
  return trouble.empty();
}

// A death is proven as soon as its process is reaped; an account takes two passes to close, and a third to be freed.
bool Scene::close() {
  for (int i = 0; i < 20 && trouble.empty() && !view->all_free(); ++i) pass();
  if (trouble.empty() && !view->all_free()) trouble = "an entry or a lane is not freed";
  return trouble.empty();
}

bool Scene::all_empty() const {
  for (u32 lane = 0; lane < view->ring().geometry.lanes; ++lane)
    for (u32 index = 0; index < slots; ++index)
      if (view->word(lane, index).state != ring::SlotState::empty) return false;
  return true;
}

shmring_producer* Scene::newcomer(u32 lane, Journal*& journal) {
  journal = &place.journal(1 << 14);
  const std::string name = journal->name();
  const shmring_attach_options options{sizeof options, name.c_str(), lane, 0, nullptr};
  shmring_producer* producer = nullptr;
  if (shmring_attach(Workplace::ring, &options, &producer) != 0 && trouble.empty()) trouble = shmring_last_error();
  if (producer != nullptr) (*journal)->incarnation = shmring_incarnation(producer);
  return producer;
}

u64 Scene::run_laps(u64 laps, u64 records_a_pass, bool collecting) {
  Journal* journal = nullptr;
  shmring_producer* producer = newcomer(SHMRING_LANE_SHARED, journal);
  if (producer == nullptr) return 0;
  const u64 until = view->tail(0) + laps * slots;
  u64 refused = 0;
  for (u64 n = 1; view->tail(0) < until && refused < 2 * slots && !journal->full(); ++n) {
    refused += write_noted(producer, *journal) == SHMRING_FULL;
    if (collecting && n % records_a_pass == 0 && !pass()) break;
  }
  if (collecting && view->tail(0) < until && trouble.empty()) trouble = "the others are held up";
  detach(producer, *journal);
  return refused;
}

bool Scene::takes_a_lap(u32 lane) {
  Journal* journal = nullptr;
  shmring_producer* producer = newcomer(lane, journal);
  if (producer == nullptr) return false;
  const u32 number = lane == SHMRING_LANE_EXCLUSIVE ? 1 : 0;
  const u64 until = view->tail(number) + slots;
  bool taken = true;
  while (view->tail(number) < until && taken && !journal->full()) {
    const int result = write_noted(producer, *journal);
    taken = (result == 0 || result == SHMRING_TOO_BIG) && pass();
  }
  detach(producer, *journal);
  if (!taken && trouble.empty()) trouble = "the ring refuses records, though it is empty";
  return taken;
}

}  // namespace shmring::test
