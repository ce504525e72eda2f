// Roles as threads over one mapping, for a race detector: producers whose lives begin, end and die, collectors one after the
// other, and the log that compares what arrived with what each producer noted of its attempts.
//
// Invariant: while the roles run nothing here orders memory but the ring itself; what they count is relaxed, and what they note
// is a thread's own until it has ended. A death is the exception: its proof orders, as the kernel's does.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "lib/collect/collector.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/memory.hpp"
#include "lib/os/segment.hpp"
#include "lib/ring/producer.hpp"
#include "tests/support/plain_log.hpp"
#include "tests/support/plain_ring.hpp"

namespace plain {

namespace log = shmring::log;
namespace collect = shmring::collect;
using log::Cause;  // not the ring's, whose numbers are the same

// The thread's role is dead: it does nothing any more, and its own state is gone.
struct Died {};

// The Memory that is shipped, its sleep included, under which a thread may die before its n-th access from now on.
struct RoleMemory : shmring::os::ProcessMemory {
  static constexpr bool fills_from_registers = false;
  static inline thread_local u64 accesses_left = 0;  // 0: it lives
  static inline std::atomic<u64> sleeps = 0;

  static void before() {
    if (accesses_left != 0 && --accesses_left == 0) throw Died{};
  }
  template <class T>
  static T load(At at, const std::atomic<T>& word, std::memory_order order) {
    before();
    return HardwareMemory::load(at, word, order);
  }
  template <class T>
  static void store(At at, std::atomic<T>& word, T value, std::memory_order order) {
    before();
    HardwareMemory::store(at, word, value, order);
  }
  template <class T>
  static bool cas(At at, std::atomic<T>& word, T& expected, T desired, std::memory_order success, std::memory_order failure) {
    before();
    return HardwareMemory::cas(at, word, expected, desired, success, failure);
  }
  template <class T>
  static T add(At at, std::atomic<T>& word, T value, std::memory_order order) {
    before();
    return HardwareMemory::add(at, word, value, order);
  }
  // Not inlined: a copy whose size gcc knows becomes loads and stores behind the pass that shows them to the race detector.
  [[gnu::noinline]] static void copy(At at, void* to, const void* from, std::size_t bytes) {
    before();
    HardwareMemory::copy(at, to, from, bytes);
  }
  static void sleep(At at, std::atomic<u32>& word, u32 expected, u64 deadline_ns) {
    before();
    sleeps.fetch_add(1, std::memory_order_relaxed);
    ProcessMemory::sleep(at, word, expected, deadline_ns);
  }
};

// A ring in a file in memory, mapped twice: for those who take part; and for reading only, as `shmring stat` has it, so that a
// store of somebody who looks would end the program. Between the two a race detector sees nothing: who looks copies what others
// may be writing, and looks again whether they were.
class MappedRing {
 public:
  explicit MappedRing(const Geometry& shape) {
    Geometry geometry = shape;
    const Places at = plan(geometry);
    geometry.size = at.size;
    seen.fd = shmring::os::Fd(::memfd_create("shmring-test", MFD_CLOEXEC));
    REQUIRE(::ftruncate(seen.fd.get(), static_cast<off_t>(at.size)) == 0);
    lay_out(ring, at, geometry, PROT_READ | PROT_WRITE);
    std::strcpy(ring.header->ring, "r");
    ring.header->geometry = geometry;
    ring.header->incarnation_base = PlainRing::base;
    ring.header->state = static_cast<u32>(SegmentState::open);
    lay_out(seen.ring, at, geometry, PROT_READ);
  }
  ~MappedRing() {
    for (const Ring& view : {ring, seen.ring}) ::munmap(view.header, view.geometry.size);
  }
  MappedRing(const MappedRing&) = delete;

  Ring ring;
  shmring::os::Segment seen;

  bool is_empty() const {
    for (u32 entry = 0; entry < ring.geometry.producers; ++entry)
      if (ring.entries[entry].owner != 0) return false;
    for (u32 lane = 0; lane < ring.geometry.lanes; ++lane) {
      if (ring.lanes[lane].owner != 0) return false;
      for (u32 index = 0; index < ring.geometry.slots; ++index)
        if (Word::of(ring.slot(lane, index).word).state != SlotState::empty) return false;
    }
    return true;
  }

 private:
  void lay_out(Ring& view, const Places& at, const Geometry& geometry, int protection) const {
    void* memory = ::mmap(nullptr, at.size, protection, MAP_SHARED, seen.fd.get(), 0);
    REQUIRE(memory != MAP_FAILED);
    auto* bytes = static_cast<std::byte*>(memory);
    view.header = reinterpret_cast<Header*>(bytes), view.entries = reinterpret_cast<Entry*>(bytes + at.entries);
    view.lanes = reinterpret_cast<Lane*>(bytes + at.lanes), view.slots = bytes + at.slots;
    view.use(geometry);
    view.incarnation_base = PlainRing::base;
  }
};

constexpr std::size_t most_bytes = 1024;  // of a record here

// A record's bytes, as far as it goes: its producer and its sequence in each word.
struct Pattern {
  u64 words[most_bytes / 8];
  Pattern(u64 incarnation, u64 sequence) {
    for (u64 i = 0; i < std::size(words); ++i) words[i] = (incarnation << 32) + sequence * 0x9e3779b97f4a7c15 + i;
  }
};

// One attempt, as its producer saw it end, or as the log has it.
struct Attempt {
  bool event = false;
  u32 bytes = 0, type = 0;       // of an event
  Cause cause = Cause::refused;  // of a loss
};
struct Journal {
  u64 incarnation = 0;
  std::vector<Attempt> attempts;  // by sequence, from 1
  bool died = false;              // in the middle of one more
};

// What became of each attempt: compare() says what the journals do not agree with.
class ArrivalLog : public PlainLog {
 public:
  std::string broken;  // the first rule that a line broke
  u64 late = 0;

  // For the collector that comes next.
  log::RingAccounts recovered() const {
    log::RingAccounts out;
    for (const auto& [incarnation, life] : lives_)
      out.accounts.push_back({life.producer, incarnation, life.arrived.size(), !life.closed, life.causes});
    return out;
  }
  std::size_t closed() const { return closed_; }
  std::size_t lives() const { return lives_.size(); }

  std::string compare(const Journal& journal, bool overwrites) const {
    const auto found = lives_.find(journal.incarnation);
    const std::string who = text_of(journal.incarnation) + ": ";
    if (found == lives_.end()) return who + "not in the log";
    const Life& life = found->second;
    const std::size_t noted = journal.attempts.size(), logged = life.arrived.size();
    if (!life.closed || life.died != journal.died) return who + "not closed as it ended";
    if (logged != noted && !(journal.died && logged == noted + 1))
      return who + text_of(noted) + " attempts, of which the log has " + text_of(logged);
    log::Causes expected;
    for (std::size_t i = 0; i < noted; ++i) {
      const Attempt &made = journal.attempts[i], &arrived = life.arrived[i];
      const bool lost = made.event && !arrived.event;
      if (lost && overwrites) expected[Cause::overwritten] += 1;
      if ((lost && !overwrites) || (arrived.event && !made.event)) return who + "attempt " + text_of(i + 1) + " came otherwise";
      if (arrived.event && (arrived.bytes != made.bytes || arrived.type != made.type))
        return who + "event " + text_of(i + 1) + " is another";
      if (!made.event) expected[made.cause] += 1;
    }
    const log::Causes in_lines = folded(life.causes), in_all = folded(life.closing);
    for (std::size_t i = 0; i < in_lines.count.size(); ++i)  // a line may leave a cause open, and name no other
      if (i != static_cast<std::size_t>(Cause::refused) && in_lines.count[i] > in_all.count[i])
        return who + "its loss lines name a cause that its closing line has not";
    if (logged == noted) return in_all == folded(expected) ? "" : who + "its closing line has other causes";
    const u64 in_flight = life.arrived.back().event ? 0 : 1;
    return life.closing.total() == expected.total() + in_flight ? "" : who + "its attempt in flight is not one loss";
  }

 private:
  struct Life {
    std::string producer;
    std::vector<Attempt> arrived;
    log::Causes causes, closing;
    bool closed = false, died = false;
  };

  void store(std::span<const log::Line> lines) override {
    for (const log::Line& line : lines) std::visit([this](const auto& it) { add(it); }, line);
  }
  static std::string text_of(u64 number) { return std::to_string(number); }
  // Which of these three a call met is not told to its caller.
  static log::Causes folded(log::Causes causes) {
    causes[Cause::full] += causes[Cause::contended] + causes[Cause::no_room];
    causes[Cause::contended] = causes[Cause::no_room] = 0;
    return causes;
  }
  void must(bool holds, const char* rule, u64 incarnation) {
    if (!holds && broken.empty()) broken = text_of(incarnation) + ": " + rule;
  }
  Life& open_life(u64 incarnation) {
    Life& life = lives_[incarnation];
    must(!life.producer.empty() && !life.closed, "a line outside its life", incarnation);
    return life;
  }
  void add(const log::Event& event) {
    Life& life = open_life(event.incarnation);
    must(event.sequence == life.arrived.size() + 1, "an event out of order", event.incarnation);
    const Pattern expected(event.incarnation, event.sequence);
    must(event.payload.size() <= most_bytes && std::memcmp(event.payload.data(), expected.words, event.payload.size()) == 0,
         "another record's bytes", event.incarnation);
    must(event.type_name == (event.type == 0 ? "" : "t" + text_of(event.type)), "another type's name", event.incarnation);
    life.arrived.push_back({true, static_cast<u32>(event.payload.size()), event.type, Cause::refused});
    late += event.late;
  }
  void add(const log::Loss& loss) {
    Life& life = open_life(loss.incarnation);
    must(loss.first == life.arrived.size() + 1 && loss.last >= loss.first, "a loss out of order", loss.incarnation);
    must(loss.causes.total() == loss.last - loss.first + 1, "causes that do not add up", loss.incarnation);
    must(loss.causes[Cause::corrupt] == 0, "a record that is called corrupt", loss.incarnation);
    if (!broken.empty()) return;
    life.causes += loss.causes;
    life.arrived.resize(loss.last);
  }
  void add(const log::LifeLine& line) {
    Life& life = lives_[line.incarnation];
    if (line.life == log::Life::attach) {
      must(life.producer.empty() && line.from == 0, "a second attach line", line.incarnation);
      life.producer = line.producer;
      return;
    }
    must(!life.producer.empty() && !life.closed && line.last == life.arrived.size() &&
             line.causes.total() == life.causes.total(),
         "a wrong closing line", line.incarnation);
    life.closed = true, life.died = line.life == log::Life::died, life.closing = line.causes;
    ++closed_;
  }
  template <class Other>
  void add(const Other&) {
    must(false, "a line that should not be", 0);
  }

  std::map<u64, Life> lives_;
  std::size_t closed_ = 0;
};

// What the roles are told, and what the scene counts while they run.
struct Scene {
  const char* name;
  OnFull on_full;
  u32 wait_us;
  u32 slots = 16;
  // The collector begins once this has happened, so that no scene goes by without it.
  enum class Gate { refused, slept, timed_out, lapped } gate = Gate::refused;
};

struct Counts {
  std::atomic<u64> refused = 0, timed_out = 0, deaths = 0, turned_away = 0;
  static void count(std::atomic<u64>& what) { what.fetch_add(1, std::memory_order_relaxed); }
  static u64 of(const std::atomic<u64>& what) { return what.load(std::memory_order_relaxed); }
};

struct RoleHost : collect::Host {
  std::vector<std::atomic<bool>> died;  // by pid
  explicit RoleHost(std::size_t pids) : died(pids) {}
  void look() override {}
  bool dead(u32, u64 owner_word) override { return died[Owner::of(owner_word).pid].load(); }
  void forget(u32) override {}
  std::string exe(shmring::ring::Owner) override { return "/bin/app"; }
  u64 now_utc_ns() override { return 1000; }
  u64 now_ns() override { return shmring::os::monotonic_now_ns(); }
  void to_utc(std::span<u64>) override {}
  void wake(std::atomic<u32>& freed) override { shmring::os::futex_wake_all(freed); }
  void wake_waiter(std::atomic<u64>& durable) override { shmring::os::futex_wake_all(shmring::ring::low_half(durable)); }
};

}  // namespace plain
