// See scene.hpp.
#include "tests/step/scene.hpp"

#include "lib/os/error.hpp"

namespace shmring::test {

Drain::Drain(const std::string& log_dir) {
  log::Recovered recovered;
  if (os::attach(Workplace::ring, segment_) != 0 || os::take_lease(segment_) != 0 ||
      log_.files.open(log_dir, segment_.name, segment_.ring.identity, recovered) != 0) {
    trouble_ = os::last_error();
    return;
  }
  host_ = std::make_unique<collect::SystemHost>(segment_.ring);
  collector_ = std::make_unique<collect::Collector<ring::HardwareMemory>>(segment_.ring, ring::Pace{}, *host_, log_);
  if (!collector_->start(recovered.of(segment_.ring.identity).known())) trouble_ = "the collector did not start";
}

u64 Drain::Log::append(std::span<const log::Line> lines, const ring::RingId& of) {
  const u64 batch = files.append(lines, of);
  if (files.accounts_are_due()) files.append(log::accounts_line(drain_.host_->now_utc_ns(), drain_.collector_->accounts()));
  return batch;
}

log::Commit Drain::Log::commit() {
  files.write();
  files.sync(os::monotonic_now_ns());
  return files.committed();
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

u64 key_of(const Journal& journal, std::size_t bytes, u64 after) {
  Record record;
  for (u64 key = after + 1;; ++key) {
    make_record(journal.producer, key, journal.max_record, record);
    const bool too_big = bytes > journal.max_record && record.bytes > journal.max_record;
    if ((record.bytes == bytes || too_big) && record.meta.flags == 0) return key;
  }
}

Scene::Scene(const Shape& wanted) : shape(wanted) {
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

void Scene::run_laps(u64 laps, u64 records_a_pass) {
  Journal& journal = place.journal(1 << 14);
  shmring_producer* producer = attach(Workplace::ring, journal, SHMRING_LANE_SHARED);
  if (producer == nullptr) return;
  const u64 until = view->tail(0) + laps * slots;
  bool goes_on = true;
  for (u64 n = 1; view->tail(0) < until && goes_on && !journal.full(); ++n) {
    write_noted(producer, journal);
    goes_on = n % records_a_pass != 0 || pass();
  }
  if (view->tail(0) < until && trouble.empty()) trouble = "the others are held up";
  detach(producer, journal);
}

void Scene::run_a_lap(u32 lane) {
  Journal& journal = place.journal(1 << 14);
  shmring_producer* producer = attach(Workplace::ring, journal, lane);
  if (producer == nullptr) return;
  const u32 number = lane == SHMRING_LANE_EXCLUSIVE ? 1 : 0;
  const u64 until = view->tail(number) + slots;
  bool taken = true;
  while (view->tail(number) < until && taken && !journal.full()) {
    const int result = write_noted(producer, journal);
    taken = (result == 0 || result == SHMRING_TOO_BIG) && pass();
  }
  detach(producer, journal);
  if (!taken && trouble.empty()) trouble = "the ring refuses records, though it is empty";
}

}  // namespace shmring::test
