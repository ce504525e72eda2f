// A property: whatever is written in whatever order, under each policy and on each kind of lane, the log has each
// sequence once, in order, and each event with the payload that was written.
//
// rapidcheck makes the cases and shrinks what fails; SHMRING_TEST_SEED is its seed. Invariant: the log is judged by its text,
// against what the calls returned; how payloads were made says what they must have become.
#include <rapidcheck.h>

#include <iostream>
#include <map>

#include "lib/log/format/encoder.hpp"
#include "lib/log/format/parse.hpp"
#include "tests/support/collector_bench.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/mode.hpp"
#include "tests/support/payloads.hpp"
#include "tests/support/plain_log.hpp"
#include "tests/support/process.hpp"
#include "tests/support/writer.hpp"

using namespace plain;
using shmring::test::Form;
using shmring::test::Payload;

namespace {

// The shapes differ in how large a record may be: a quarter of a lane.
constexpr Shape shapes[] = {
    {.slots = 64, .lanes = 2, .flags = with_tripwire, .slot_bytes = 128, .max_record = 16 * 64},
    {.slots = 256, .lanes = 2, .flags = with_tripwire, .slot_bytes = 256, .max_record = 64 * 192},
    {.slots = 4096, .lanes = 2, .flags = with_tripwire, .slot_bytes = 128, .max_record = 64 << 10},
};
constexpr const char* kinds[] = {"text", "json", "fields", "bytes"};
constexpr const char* policies[] = {"drop", "overwrite", "wait", "hybrid"};
constexpr u32 writers = 3;  // two of the shared lane, one of the exclusive one

enum class What : u8 { write, commit, shrink, outgrow, abort, forget, pass, drain };
constexpr const char* whats[] = {
    "write", "claim and commit", "claim, commit less", "claim, commit more", "claim and abort", "claim and forget it", "pass",
    "drain"};
enum class Size : u8 { zero, slot, slots, most, large, any };

struct Action {
  What what;
  u32 writer;
  u8 kind, severity;
  Size size;
  u32 count;   // of slots; or bytes
  int beside;  // −1, 0, 1
  u32 number;  // of the payload; type; correlation
  bool truncate;
  bool collects;  // a pass while it sleeps for a place

  std::size_t bytes(const Ring& ring) const {
    const std::size_t room = ring.slot_payload();
    const std::size_t base[] = {0, room, room * (count % 8), ring.geometry.max_record, 64 << 10, count};
    const std::size_t out = base[static_cast<std::size_t>(size)];
    return out == 0 && beside < 0 ? 0 : out + static_cast<std::size_t>(beside);
  }
  shmring_meta meta() const {
    shmring_meta out{number, kind, severity, 0, {}};
    std::memcpy(out.correlation + 3, &number, sizeof number);
    return out;
  }
};

void showValue(const Action& it, std::ostream& out) {
  static constexpr const char* sizes[] = {"0", "a slot", "slots", "max_record", "64 KiB", "bytes"};
  out << whats[static_cast<int>(it.what)];
  if (it.what >= What::pass) return;
  out << " by " << it.writer << ", " << kinds[it.kind] << " " << it.number << " of " << sizes[static_cast<int>(it.size)];
  if (it.size == Size::slots || it.size == Size::any) out << " " << it.count;
  out << " + " << it.beside << (it.truncate ? ", truncate" : "") << (it.collects ? ", collected while it sleeps" : "");
}

rc::Gen<Action> actions() {
  using namespace rc::gen;
  const auto what = weightedElement<What>({{12, What::write},
                                           {2, What::commit},
                                           {2, What::shrink},
                                           {1, What::outgrow},
                                           {1, What::abort},
                                           {1, What::forget},
                                           {2, What::pass},
                                           {1, What::drain}});
  const auto size = weightedElement<Size>(
      {{1, Size::zero}, {3, Size::slot}, {3, Size::slots}, {2, Size::most}, {1, Size::large}, {2, Size::any}});
  return build<Action>(set(&Action::what, what), set(&Action::writer, inRange(0u, writers)),
                       set(&Action::kind, inRange<u8>(0, 4)), set(&Action::severity), set(&Action::size, size),
                       set(&Action::count, inRange(0u, 400u)), set(&Action::beside, inRange(-1, 2)), set(&Action::number),
                       set(&Action::truncate), set(&Action::collects));
}

// The log as its text.
struct TextLog : PlainLog {
  std::string text;
  u64 index = 0;

 private:
  void store(std::span<const log::Line> lines) override {
    encoder_.encode(lines, index, text);
    index += lines.size();
  }
  log::Encoder encoder_{"ring"};
};

struct Attempt {
  int result;
  bool aborted;
  Action action;
  Payload payload;  // as it must be in the log, if it is
  bool truncated;
};

struct Tally {
  std::map<std::string, u64> events;  // by policy, lane and kind
  u64 cases = 0, written = 0, chunked = 0, truncated = 0;
  log::Causes lost;
};

class Case {
 public:
  Case(u32 shape, OnFull policy)
      : shape_(shape_of(shape, policy)), plain_(shape_), collector_(plain_.ring, whole_ring, host_, log_) {
    RC_ASSERT(collector_.start({}));
    for (u32 i = 0; i < writers; ++i) {
      const u32 lane = i + 1 == writers ? SHMRING_LANE_EXCLUSIVE : SHMRING_LANE_SHARED;
      RC_ASSERT(writer_[i].attach(plain_.ring, owner(i + 1), identity("p" + std::to_string(i)), lane) == 0);
    }
  }

  void act(const Action& it) {
    if (it.what == What::pass) return pass();
    if (it.what == What::drain) return drain();
    ProducerMemory::Hook sleeps(At::freed_sleep, 0, [&] {
      if (it.collects) pass();
    });
    it.what == What::write ? write(it) : write_in_place(it);
    RC_ASSERT(writer_[it.writer].sequence() == attempts_[it.writer].size());
  }
  void end() {
    for (Writer& writer : writer_) writer.detach();
    drain();
  }

  const std::vector<Attempt>& attempts(u32 writer) const { return attempts_[writer]; }
  u64 incarnation(u32 writer) const { return writer_[writer].incarnation(); }
  const std::string& text() const { return log_.text; }
  bool overwrites() const { return shape_.on_full == OnFull::overwrite; }
  std::size_t room() const { return plain_.ring.slot_payload(); }

 private:
  static Shape shape_of(u32 index, OnFull policy) {
    Shape out = shapes[index];
    out.on_full = policy, out.wait_us = policy == OnFull::hybrid ? 1000 : 200'000;
    return out;
  }
  void pass() { RC_ASSERT(collector_.pass(true)); }
  void drain() {
    for (int idle = 0; idle < 4;) {
      pass();
      idle = collector_.is_idle() ? idle + 1 : 0;
    }
  }
  void write(const Action& it) {
    shmring_meta meta = it.meta();
    meta.flags = it.truncate ? SHMRING_META_TRUNCATE : 0;
    const Payload payload = payloads_.make(it.kind, it.bytes(plain_.ring), it.number);
    const int result = writer_[it.writer].write(&meta, payload.bytes.data(), payload.bytes.size());
    const bool longer = payload.bytes.size() > shape_.max_record;
    RC_ASSERT((result == SHMRING_TOO_BIG) == (longer && !it.truncate));
    attempts_[it.writer].push_back({result, false, it, payload.cut(it.kind, shape_.max_record), longer});
  }
  void write_in_place(const Action& it) {
    Writer& writer = writer_[it.writer];
    const std::size_t bytes = it.bytes(plain_.ring);
    void* slot = nullptr;
    int result = writer.claim(bytes, &slot);
    RC_ASSERT((result == SHMRING_TOO_BIG) == (bytes > room()));
    bool aborted = false;
    Payload payload{};
    if (result == 0) {
      const std::size_t used = it.what == What::shrink ? bytes / 2 : bytes;
      payload = payloads_.make(it.kind, used, it.number);
      std::memcpy(slot, payload.bytes.data(), used);
      const shmring_meta meta = it.meta();
      aborted = it.what == What::abort || it.what == What::forget;
      if (it.what == What::abort) RC_ASSERT(writer.abort() == 0);
      if (!aborted) result = writer.commit(&meta, it.what == What::outgrow ? bytes + 1 : used);
    }
    attempts_[it.writer].push_back({result, aborted, it, payload, false});
  }

  Shape shape_;
  PlainRing plain_;
  FakeHost host_;
  TextLog log_;
  collect::Collector<CollectorMemory> collector_;
  Writer writer_[writers];
  std::vector<Attempt> attempts_[writers];
  shmring::test::Payloads payloads_;
};

// The log against what was attempted.
class Judge {
 public:
  Judge(const Case& tried, const char* policy, Tally& tally) : case_(tried), policy_(policy), tally_(tally) {
    for (u32 i = 0; i < writers; ++i) of_[tried.incarnation(i)] = i;
  }

  void judge() {
    const std::string_view text = case_.text();
    u64 index = 0;
    for (std::size_t at = 0, end; at < text.size(); at = end + 1, ++index) {
      end = text.find('\n', at);
      log::Parsed line;
      log::Mistake mistake;
      RC_ASSERT(log::parse(text.substr(at, end - at), line, mistake));
      RC_ASSERT(line.index == index);
      RC_ASSERT(of_.contains(line.incarnation));
      const u32 writer = of_[line.incarnation];
      if (line.kind == log::Kind::event) event(writer, line);
      if (line.kind == log::Kind::loss) loss(writer, line);
      if (line.kind == log::Kind::detach) closing(writer, line);
    }
    for (u32 i = 0; i < writers; ++i) RC_ASSERT(closed_[i]);
  }

 private:
  void event(u32 writer, const log::Parsed& line) {
    RC_ASSERT(line.first == ++through_[writer]);
    RC_ASSERT(line.first <= case_.attempts(writer).size());
    const Attempt& it = case_.attempts(writer)[line.first - 1];
    RC_ASSERT(it.result == 0 && !it.aborted);
    const shmring_meta meta = it.action.meta();
    RC_ASSERT(line.type == std::to_string(meta.type));
    RC_ASSERT(line.severity == meta.severity);
    std::string correlation;
    static constexpr char digits[] = "0123456789abcdef";
    for (const u8 byte : meta.correlation) (correlation += digits[byte >> 4]) += digits[byte & 15];
    RC_ASSERT(line.correlation == (meta.type == 0 ? "" : correlation));
    RC_ASSERT(line.truncated == it.truncated);
    RC_ASSERT(line.invalid == it.payload.invalid);
    has(line.data, it.payload);
    ++tally_.events[key(writer, it.action.kind)];
    tally_.chunked += it.payload.bytes.size() > case_.room();
    tally_.truncated += it.truncated;
  }
  static void has(std::string_view data, const Payload& payload) {
    if (payload.form == Form::json) {
      RC_ASSERT(data == payload.json);
    } else if (payload.form == Form::string) {
      RC_ASSERT(data.front() == '"');
      RC_ASSERT(shmring::test::unescaped(data) == payload.bytes);
    } else {
      RC_ASSERT(data.starts_with("{\"base64\":\""));
      RC_ASSERT(shmring::test::from_base64(data.substr(11, data.size() - 13)) == payload.bytes);
    }
  }
  // What a call reported as written is lost only to overwriting, and as that.
  void loss(u32 writer, const log::Parsed& line) {
    RC_ASSERT(line.first == through_[writer] + 1);
    RC_ASSERT(line.last <= case_.attempts(writer).size());
    u64 overwritten = 0;
    for (; through_[writer] < line.last; ++through_[writer]) {
      const Attempt& it = case_.attempts(writer)[through_[writer]];
      overwritten += it.result == 0 && !it.aborted;
    }
    RC_ASSERT(line.causes[log::Cause::overwritten] == overwritten);
    RC_ASSERT(overwritten == 0 || case_.overwrites());
    RC_ASSERT(line.causes.total() == line.last - line.first + 1);
    lost_[writer] += line.causes;
  }
  void closing(u32 writer, const log::Parsed& line) {
    const std::vector<Attempt>& attempts = case_.attempts(writer);
    u64 full = 0, timeout = 0, too_big = 0, aborted = 0;
    for (const Attempt& it : attempts) {
      full += it.result == SHMRING_FULL, timeout += it.result == SHMRING_TIMEOUT, too_big += it.result == SHMRING_TOO_BIG;
      aborted += it.aborted;
    }
    const log::Causes& said = line.causes;
    RC_ASSERT(line.last == attempts.size());
    RC_ASSERT(through_[writer] == attempts.size());
    RC_ASSERT(said[log::Cause::full] + said[log::Cause::contended] + said[log::Cause::no_room] == full);
    RC_ASSERT(said[log::Cause::timeout] == timeout);
    RC_ASSERT(said[log::Cause::too_big] == too_big);
    RC_ASSERT(said[log::Cause::aborted] == aborted);
    RC_ASSERT(said[log::Cause::overwritten] == lost_[writer][log::Cause::overwritten]);
    RC_ASSERT(said.total() == lost_[writer].total());
    closed_[writer] = true;
    tally_.lost += said, tally_.written += attempts.size();
  }
  std::string key(u32 writer, u8 kind) const {
    return std::string(policy_) + (writer + 1 == writers ? " exclusive " : " shared ") + kinds[kind];
  }

  const Case& case_;
  const char* policy_;
  Tally& tally_;
  std::map<u64, u32> of_;
  u64 through_[writers] = {};
  log::Causes lost_[writers];
  bool closed_[writers] = {};
};

constexpr u64 slower = shmring::test::sanitized ? 20 : 1;

// rapidcheck's own way to be told: it reads this once, at its first check.
bool holds(u64 cases, const std::function<void()>& property) {
  const u64 seed = shmring::test::seeded(7)();
  const std::string parameters = "seed=" + std::to_string(seed) + " max_success=" + std::to_string(cases);
  ::setenv("RC_PARAMS", parameters.c_str(), 0);
  return rc::check("every sequence once, every payload as it was written", property);
}

}  // namespace

TEST_CASE("any sequence of writes, under each policy and on each kind of lane: every sequence once, every payload as written") {
  Tally tally;
  REQUIRE(holds(shmring::test::by_mode<u64>(500, 1000, shmring::test::part_of(100'000)) / slower, [&] {
    const auto policy = *rc::gen::inRange(0u, 4u).as("policy: drop, overwrite, wait, hybrid");
    const auto shape = *rc::gen::inRange(0u, u32{std::size(shapes)}).as("shape");
    const auto todo = *rc::gen::scale(3, rc::gen::container<std::vector<Action>>(actions())).as("actions");
    Case tried(shape, static_cast<OnFull>(policy));
    for (const Action& action : todo) tried.act(action);
    tried.end();
    Judge(tried, policies[policy], tally).judge();
    ++tally.cases;
  }));
  // Each kind has arrived under each policy on each kind of lane, and each loss that can be has been.
  for (const std::string policy : policies)
    for (const std::string lane : {" shared ", " exclusive "})
      for (const std::string kind : kinds) CHECK_MESSAGE(tally.events[policy + lane + kind] > 0, policy, lane, kind);
  using log::Cause;
  for (const Cause cause : {Cause::full, Cause::timeout, Cause::too_big, Cause::no_room, Cause::aborted, Cause::overwritten})
    CHECK_MESSAGE(tally.lost[cause] > 0, log::name_of(cause));
  CHECK(tally.chunked > 0);
  CHECK(tally.truncated > 0);
  u64 events = 0;
  for (const auto& [key, count] : tally.events) events += count;
  std::printf(
      "REPORT property: %llu generated cases, %llu writes, %llu events compared (%llu of several slots, %llu cut); "
      "losses:%s\n",
      static_cast<unsigned long long>(tally.cases), static_cast<unsigned long long>(tally.written),
      static_cast<unsigned long long>(events), static_cast<unsigned long long>(tally.chunked),
      static_cast<unsigned long long>(tally.truncated), plain::text(tally.lost).c_str());
}
