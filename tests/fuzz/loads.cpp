// Shared memory that never says the same twice: each load and each copy may give the input's next bytes instead of what is
// there. Through producers and a collector with restarts.
//
// Whatever is loaded: nothing outside the arrays is touched, each call ends with a documented result, and the log verifies.
#include "lib/ring/producer.hpp"
#include "tests/fuzz/collecting.hpp"
#include "tests/fuzz/ring_image.hpp"

namespace {

using namespace shmring;
using namespace shmring::fuzz;

Input* lies = nullptr;  // null: the truth

struct LyingMemory : ring::HardwareMemory {
  using At = ring::At;
  static inline u64 time = 1;

  template <class T>
  static T said(T real) {
    if (lies == nullptr || lies->empty() || lies->take<u8>() % 4 != 0) return real;
    return static_cast<T>(lies->value(real));
  }
  template <class T>
  static T load(At at, const std::atomic<T>& word, std::memory_order order) {
    return said(HardwareMemory::load(at, word, order));
  }
  template <class T>
  static bool cas(At at, std::atomic<T>& word, T& expected, T desired, std::memory_order success, std::memory_order failure) {
    if (lies != nullptr && !lies->empty() && lies->take<u8>() % 8 == 0) return expected = said(expected), false;
    return HardwareMemory::cas(at, word, expected, desired, success, failure);
  }
  template <class T>
  static T add(At at, std::atomic<T>& word, T value, std::memory_order order) {
    return said(HardwareMemory::add(at, word, value, order));
  }
  static void copy(At at, void* to, const void* from, std::size_t bytes) {
    HardwareMemory::copy(at, to, from, bytes);
    if (at != At::copy_out && at != At::identity_copy && at != At::type_copy) return;  // the others write
    while (lies != nullptr && !lies->empty() && lies->take<u8>() % 4 == 0) {
      auto& byte = static_cast<u8*>(to)[lies->below(static_cast<u32>(bytes))];
      byte = lies->take<u8>();
    }
  }
  static void sleep(At, std::atomic<u32>&, u32, u64 deadline_ns) { time = std::max(time, deadline_ns); }
  static u64 now_ns() { return time += 1000; }
};

const Place place;

// An empty ring of two lanes, with whatever policy.
std::string empty_image() {
  std::string image = make_image(place);
  ring::Ring view;
  must(view_of(image, view), "the image itself is valid");
  const std::size_t arrays = ring::plan(view.geometry).entries;
  std::fill(image.begin() + static_cast<std::ptrdiff_t>(arrays), image.end(), '\0');
  return image;
}
const std::string original = empty_image();

class Role {
 public:
  void act(Input& input, const ring::Ring& ring, u32 number) {
    const u8 what = input.take<u8>();
    if (!attached_) {
      ring::Identity identity{};
      std::snprintf(identity.name, sizeof identity.name, "p%u", number);
      producer_ = {};
      const int result = producer_.attach(ring, {number + 1, 1, ring::OwnerState::free}, identity, what % 3);
      must(result == 0 || result == -EUSERS || result == -EBUSY, "attach has a documented result");
      attached_ = result == 0;
      return;
    }
    static const std::string payload(1100, 'y');
    shmring_meta meta{};
    meta.kind = input.take<u8>() % 4;
    void* in_place = nullptr;
    int result = 0;
    switch (what % 8) {
      case 0: attached_ = false; return producer_.detach();
      case 1: result = producer_.claim(input.take<u8>() % 65, &in_place);
        if (result == 0) std::memset(in_place, 'z', 64);
        break;
      case 2: result = producer_.commit(&meta, input.take<u8>() % 65); break;
      case 3: result = producer_.abort(); break;
      case 4: result = producer_.name_type(input.take<u8>() % 4u + 1, "name"); break;
      default: result = producer_.write(&meta, payload.data(), input.take<u16>() % payload.size());
    }
    must((result >= 0 && result <= SHMRING_TIMEOUT) || result == -EINVAL || result == -EEXIST || result == -ENOSPC ||
             result == -EBUSY, "a call has a documented result, not " + std::to_string(result));
  }
  // Without lies: what it began is over.
  void end() {
    if (attached_) producer_.detach();
  }

 private:
  ring::Producer<LyingMemory> producer_;
  bool attached_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t bytes) {
  Input input(data, bytes);
  std::string image = original;
  ring::Ring view;
  must(view_of(image, view), "the image itself is valid");
  view.geometry.on_full = input.take<u8>() % 4;
  SplitRing split(view);
  place.clear_log();
  Host host;
  Role roles[3];
  const auto is_dead = [&host](u32 role) { return (host.dead_pids >> (role + 1) & 1) != 0; };
  std::optional<Life<LyingMemory>> life;
  lies = nullptr;
  for (u32 steps = 0; !input.empty() && steps < 200; ++steps) {
    const u8 what = input.take<u8>();
    lies = what >= 128 ? &input : nullptr;
    if (what % 4 != 0) {
      if (!is_dead(what % 3)) roles[what % 3].act(input, split.ring, what % 3);
      continue;
    }
    if (what % 16 == 0) life.reset();
    if (what % 32 == 4) host.dead_pids |= input.take<u8>();
    if (!life) life.emplace(split.ring, place.log(), host);
    life->pass(what % 8 == 0);
  }
  lies = nullptr;
  for (u32 i = 0; i < 3; ++i)
    if (!is_dead(i)) roles[i].end();
  if (!life) life.emplace(split.ring, place.log(), host);
  for (int i = 0; i < 4; ++i) life->pass(true);
  life.reset();
  must_verify(place.log());
  return 0;
}
