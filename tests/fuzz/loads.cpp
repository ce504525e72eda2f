// A neighbour that writes shared memory between any two accesses: before the n-th access of a label, after it, or only for as
// long as it lasts, the word or the record's field that it touches gets a value of the input's. Through producers and a
// collector with restarts, on a ring of eight slots.
//
// Whatever is loaded: nothing outside the arrays is touched, each call ends with a documented result, and the log keeps the
// promise. What is looked at a second time may have changed: only a look at the copy is safe.
//
// An input: policy and flags (1 byte), how many lies (1), the lies (13 each), then one step a byte, or two.
#include "lib/ring/producer.hpp"
#include "tests/fuzz/collecting.hpp"
#include "tests/fuzz/ring_image.hpp"

namespace {

using namespace shmring;
using namespace shmring::fuzz;
using ring::At;

constexpr u32 labels = static_cast<u32>(At::type_copy) + 1;
constexpr std::size_t most_lies = 6;

struct Lie {
  u8 label;
  u8 nth;  // 0: each
  u8 how;  // when, and for a state word whether the value is one that could be
  u8 field;
  u8 value[9];

  enum When { before, after, meanwhile };
  When when() const { return static_cast<When>(how % 3); }
  bool is_state_word() const { return (how & 128) != 0; }
};
static_assert(sizeof(Lie) == 13);

struct Lies {
  Lie all[most_lies];
  std::size_t count = 0;
  u32 seen[labels] = {};
  bool armed[labels] = {};

  explicit Lies(Input& input) {
    for (std::size_t left = input.below(most_lies + 1); left > 0 && !input.empty(); --left) {
      Lie& lie = all[count++] = input.take<Lie>();
      lie.label %= labels;
      armed[lie.label] = true;
    }
  }
  const Lie* about(At at) {
    const auto label = static_cast<u32>(at);
    if (!armed[label]) return nullptr;
    const u32 now = ++seen[label];
    for (const Lie& lie : std::span(all, count))
      if (lie.label == label && (lie.nth == 0 || lie.nth == now)) return &lie;
    return nullptr;
  }
};
Lies* lies = nullptr;  // null: the truth

bool is_record(At at, std::size_t bytes) {
  return (at == At::copy_out || at == At::fill) && bytes == sizeof(ring::RecordHeader);
}

// A field of a record; of other bytes one, or all; else the word.
std::span<std::byte> part_of(At at, std::byte* object, std::size_t bytes, u8 number) {
  if (!is_record(at, bytes))
    return bytes <= sizeof(u64) || number >= 128 ? std::span(object, bytes) : std::span(object + number % bytes, 1);
  static const std::vector<ring::Field> fields = [] {
    std::vector<ring::Field> of_record;
    for (const ring::Field& field : ring::layout_fields)
      if (field.type == "RecordHeader") of_record.push_back(field);
    return of_record;
  }();
  const ring::Field& field = fields[number % fields.size()];
  return {object + field.offset, std::min(field.size, sizeof(u64))};
}

// The lie about one access, told from here to the end of the scope.
class Access {
 public:
  Access(At at, const volatile void* object, std::size_t bytes) {
    if (lies == nullptr || (lie_ = lies->about(at)) == nullptr) return;
    part_ = part_of(at, static_cast<std::byte*>(const_cast<void*>(object)), bytes, lie_->field);
    std::memcpy(real_, part_.data(), part_.size());
    if (lie_->when() != Lie::after) change();
  }
  ~Access() {
    if (lie_ == nullptr) return;
    if (lie_->when() == Lie::after) change();
    if (lie_->when() == Lie::meanwhile) std::memcpy(part_.data(), real_, part_.size());
  }

 private:
  void change() {
    Input input(lie_->value, sizeof lie_->value);
    if (part_.size() > sizeof(u64)) return void(std::memset(part_.data(), input.take<u8>(), part_.size()));
    u64 now = 0;
    std::memcpy(&now, part_.data(), part_.size());
    if (lie_->is_state_word() && part_.size() == sizeof now) {
      const u64 lap = ring::Word::of(now).lap + input.take<u8>() % 4 - 1;
      const u32 owner = input.take<u16>() & ring::Word::owner_mask;
      now = ring::Word{lap, owner, static_cast<ring::SlotState>(input.take<u8>() % 8)}.bits();
    } else {
      now = input.value(now);
    }
    std::memcpy(part_.data(), &now, part_.size());
  }

  const Lie* lie_ = nullptr;
  std::span<std::byte> part_;
  std::byte real_[128];  // no object is longer
};

struct LyingMemory : BoundedMemory {
  static inline u64 time = 1;

  template <class T>
  static T load(At at, const std::atomic<T>& word, std::memory_order order) {
    const Access access(at, &word, sizeof word);
    return HardwareMemory::load(at, word, order);
  }
  template <class T>
  static void store(At at, std::atomic<T>& word, T value, std::memory_order order) {
    const Access access(at, &word, sizeof word);
    HardwareMemory::store(at, word, value, order);
  }
  template <class T>
  static bool cas(At at, std::atomic<T>& word, T& expected, T desired, std::memory_order success, std::memory_order failure) {
    const Access access(at, &word, sizeof word);
    return HardwareMemory::cas(at, word, expected, desired, success, failure);
  }
  template <class T>
  static T add(At at, std::atomic<T>& word, T value, std::memory_order order) {
    const Access access(at, &word, sizeof word);
    return HardwareMemory::add(at, word, value, order);
  }
  static void copy(At at, void* to, const void* from, std::size_t bytes) {
    const bool writes = at == At::fill || at == At::identity_fill || at == At::type_fill;
    const Access access(at, writes ? to : from, bytes);
    BoundedMemory::copy(at, to, from, bytes);
  }
  static void pause() {}
  static void sleep(At, std::atomic<u32>&, u32, u64 deadline_ns) { time = std::max(time, deadline_ns); }
  static u64 now_ns() { return time += 1000; }
};

class Role {
 public:
  void act(Input& input, const ring::Ring& ring, u32 number) {
    const u8 what = input.take<u8>();
    if (!attached_) {
      ring::Identity identity{};
      std::snprintf(identity.name, sizeof identity.name, "p%u", number);
      producer_ = {};
      const int result = producer_.attach(ring, {number + 1, 1, ring::OwnerState::free}, identity, what % 3);
      must(result == 0 || result == -EUSERS || result == -EBUSY || result == -ESTALE, "attach has a documented result");
      attached_ = result == 0;
      return;
    }
    static const std::string payload(200, 'y');
    shmring_meta meta{};
    meta.type = what / 64, meta.kind = what / 8 % 4;
    void* in_place = nullptr;
    int result = 0;
    switch (what % 8) {
      case 0: attached_ = false; return producer_.detach();
      case 1:
        result = producer_.claim(what / 4, &in_place);
        if (result == 0) std::memset(in_place, 'z', 64);
        break;
      case 2: result = producer_.commit(&meta, what / 4); break;
      case 3: result = what < 128 ? producer_.abort() : producer_.name_type(what / 64, "name"); break;
      default: result = producer_.write(&meta, payload.data(), input.take<u8>() % payload.size());
    }
    must((result >= 0 && result <= SHMRING_TIMEOUT) || result == -EINVAL || result == -EEXIST || result == -ENOSPC ||
             result == -EBUSY,
         "a call has a documented result, not " + std::to_string(result));
  }
  // Without lies: what it began is over.
  void end() {
    if (attached_) producer_.detach();
  }

 private:
  ring::Producer<LyingMemory> producer_;
  bool attached_ = false;
};

ring::Geometry tiny(u8 how) {
  ring::Geometry geometry{};
  geometry.slots = 8, geometry.slot_bytes = 128, geometry.lanes = 2, geometry.producers = 3, geometry.max_record = 180;
  geometry.wait_us = 10;
  geometry.on_full = how % 4, geometry.flags = how / 4 % 4;
  return geometry;
}

void run(Input& input) {
  const SplitRing split(tiny(input.take<u8>()), u64{1} << 22);
  const ring::Ring& ring = BoundedMemory::ring = split.ring;
  ring.header->state = static_cast<u32>(ring::SegmentState::open);
  Lies told(input);
  Host host;
  TextLog log;
  Role roles[3];
  const auto is_dead = [&host](u32 role) { return (host.dead_pids >> (role + 1) & 1) != 0; };
  std::optional<Life<LyingMemory>> life;
  lies = &told;
  for (u32 steps = 0; !input.empty() && steps < 60; ++steps) {
    const u8 what = input.take<u8>();
    if (what % 4 != 0) {
      if (!is_dead(what % 4 - 1)) roles[what % 4 - 1].act(input, ring, what % 4 - 1);
      continue;
    }
    if (what % 16 == 0) life.reset();
    if (what % 32 == 4) host.dead_pids |= input.take<u8>();
    if (!life) life.emplace(ring, log, host);
    life->pass(what % 8 == 0);
  }
  lies = nullptr;
  for (u32 i = 0; i < 3; ++i)
    if (!is_dead(i)) roles[i].end();
  if (!life) life.emplace(ring, log, host);
  for (int i = 0; i < 3; ++i) life->pass(true);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t bytes) {
  Input input(data, bytes);
  run(input);
  return 0;
}
