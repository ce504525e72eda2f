// A handle that two threads use by mistake, both of which came in: each works on what it has read of the handle, and what the
// one stores back is older than what the other has done. Whatever comes of their records, the log keeps its promise, and what
// another producer writes is untouched.
#include <random>
#include <set>

#include "tests/support/collector_bench.hpp"
#include "tests/support/mode.hpp"

using namespace plain;

namespace {

using Handle = Producer<ProducerMemory>;

constexpr At moments[] = {At::attempt, At::claim,   At::claim_alone, At::tail_own, At::tail_help,
                          At::fill,    At::publish, At::finish,      At::counter,  At::refusal};
constexpr std::size_t room = 64;  // of a slot

struct Story {
  Story(std::uint64_t seed, u32 lane, OnFull policy)
      : random(seed), lossless(policy != OnFull::overwrite),
        bench({.slots = 8, .lanes = 2, .producers = 3, .flags = with_tripwire, .max_record = 2 * room, .on_full = policy}) {
    REQUIRE(one.attach(bench.plain.ring, owner(1), identity("one"), lane) == 0);
    REQUIRE(neighbour.attach(bench.plain.ring, owner(2), identity("neighbour"), SHMRING_LANE_SHARED) == 0);
    other = one;
    bench.start();
  }

  int write(Handle& handle, const std::string& text) {
    const bool large = random() % 4 == 0;
    const std::string payload = text + std::string(large ? room : 0, '.');
    return handle.write(nullptr, payload.data(), payload.size());
  }
  void one_writes() { written += write(one, "one") == 0; }
  void other_writes() {
    for (auto n = random() % 6; n-- > 0;) written += write(other, "other") == 0;
  }
  void step() {
    switch (random() % 8) {
      case 0: other = one; break;
      case 1: one = other; break;
      case 2: other_writes(); break;
      case 3: {
        const std::string text = "neighbour " + std::to_string(neighbour.sequence() + 1) + ".";
        if (write(neighbour, text) == 0) neighbours.insert(text);
        break;
      }
      case 4: bench.pass(); break;
      default: {
        const ProducerMemory::Hook preempted(moments[random() % std::size(moments)], 1 + random() % 2, [this] {
          other_writes();
          if (random() % 2 == 0) bench.pass(random() % 2 == 0);
        });
        one_writes();
      }
    }
  }
  void end() {
    random() % 2 == 0 ? one.detach() : bench.kill(1);
    neighbour.detach();
    bench.drain();
    CHECK_MESSAGE(bench.log.broken == "", bench.log.broken);
    CHECK(bench.plain.state(0) == OwnerState::free);  // its account was closed
    std::multiset<std::string> logged;
    for (const std::string& payload : bench.log.payloads)
      if (payload.starts_with("neighbour")) logged.insert(payload.substr(0, payload.find('.') + 1));
    if (lossless) CHECK(logged == neighbours);
    missing = written - static_cast<int>(bench.log.payloads.size() - logged.size());
  }

  std::mt19937_64 random;
  bool lossless;
  Bench bench;
  Handle one, other, neighbour;
  std::multiset<std::string> neighbours;  // its records that were reported as written
  int written = 0, missing = 0;           // of the handle's: reported, and of these not in the log
};

}  // namespace

TEST_CASE("two threads that both came into one handle: the log keeps its promise, and nobody else loses a record") {
  int missing = 0;
  for (const u32 lane : {SHMRING_LANE_SHARED, SHMRING_LANE_EXCLUSIVE})
    for (const OnFull policy : {OnFull::drop, OnFull::overwrite, OnFull::wait})
      for (std::uint64_t seed = 1; seed <= 500; ++seed) {
        if (!shmring::test::is_of_share(seed, 5)) continue;
        CAPTURE(lane);
        CAPTURE(static_cast<u32>(policy));
        CAPTURE(seed);
        Story story(seed, lane, policy);
        for (int i = 0; i < 60; ++i) story.step();
        story.end();
        missing += story.lossless ? story.missing : 0;
      }
  CHECK(missing > 0);  // so there were such calls
}
