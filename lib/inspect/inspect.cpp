// Header, collector, lanes and producers as plain values: see inspect.hpp. Invariant: a loop's bound comes from the validated
// geometry or from the file's size, never from a word in the segment.
#include "lib/inspect/inspect.hpp"

#include <algorithm>
#include <cstring>

#include "lib/os/process.hpp"

namespace shmring::inspect {
namespace {

using Memory = ring::HardwareMemory;
using ring::OwnerState;

std::string number(u64 value) { return std::to_string(value); }

// A figure that its writer keeps for people. Nothing is ordered by it.
template <class T>
T figure(const std::atomic<T>& word) {
  return word.load(std::memory_order_relaxed);
}

std::string terminated(const char* text, std::size_t room) { return {text, strnlen(text, room)}; }

std::optional<bool> same_boot(const u64 (&boot_id)[2]) {
  const os::MachineId host = os::this_machine();
  auto known = [](const u64(&id)[2]) { return id[0] != 0 || id[1] != 0; };
  if (!known(boot_id) || !known(host.boot_id)) return std::nullopt;
  return std::equal(boot_id, boot_id + 2, host.boot_id);
}

HeaderFacts header_of(const os::Segment& segment, Findings& findings) {
  const ring::Header& header = *segment.ring.header;
  HeaderFacts facts;
  struct stat status {};
  if (os::calls.fstat(segment.fd.get(), &status) == 0) {
    facts.file_bytes = static_cast<u64>(status.st_size);
    facts.owner = status.st_uid;
    facts.ours = status.st_uid == os::calls.geteuid();
  }
  facts.name = segment.name;
  facts.ring = terminated(header.ring, sizeof header.ring);
  if (!os::valid_name(facts.ring)) findings.add("header: the ring's name is not valid");
  facts.version = header.version;
  facts.fingerprint = header.fingerprint;
  if (const ring::OlderVersion* const older = ring::find_older(facts.version)) facts.made_by = older->library;
  facts.geometry = segment.ring.entries != nullptr ? segment.ring.geometry : header.geometry;
  std::copy(header.identity, header.identity + 2, facts.identity.begin());
  std::copy(header.boot_id, header.boot_id + 2, facts.boot_id);
  facts.pid_namespace = header.pid_namespace;
  facts.time_namespace = header.time_namespace;
  facts.this_boot = same_boot(facts.boot_id);
  facts.our_namespaces = os::same_namespaces(header);
  facts.created_utc_ns = header.created_utc_ns;
  facts.creator_pid = header.creator_pid;
  facts.creator_uid = header.creator_uid;
  facts.incarnation_base = header.incarnation_base;
  facts.incarnations = figure(header.incarnations);
  facts.state = figure(header.state);
  if (facts.state == 0 || facts.state > static_cast<u32>(ring::SegmentState::retired))
    findings.add("header: state is " + number(facts.state) + ", expected 1 (open) or 2 (retired)");
  return facts;
}

CollectorFacts collector_of(const os::Segment& segment, const HeaderFacts& header, bool is_ours) {
  // The lease names nobody, because a lock of an open file description has no pid.
  const bool is_held = is_ours || os::lease_is_held(segment);
  CollectorFacts facts{ring::observe_status<Memory>(segment.ring), is_held, std::nullopt};
  if (const auto clock = ring::clock_seen<Memory>(segment.ring.header->status))
    facts.clock = os::Anchor{clock->ticks, clock->utc_ns, clock->ns_per_tick_q32};
  else if (header.geometry.clock == static_cast<u32>(ring::Clock::monotonic))
    facts.clock = os::Anchor{segment.ring.header->created_ticks, header.created_utc_ns, u64{1} << 32};
  return facts;
}

std::vector<TypeFacts> types_of(const ring::Header& header, Findings& findings) {
  std::vector<TypeFacts> types;
  for (const ring::TypeName& place : header.types) {
    const ring::TypeWord word = ring::type_seen<Memory>(place);
    if (word.state != 2) continue;
    char name[sizeof ring::TypeName::name];
    if (ring::copy_type<Memory>(name, place, word, header.version != ring::version)) {
      types.push_back({word.type, name});
    } else {
      const auto place_number = static_cast<u64>(&place - header.types);
      findings.add("type name " + number(place_number) + ", of type " + number(word.type) + ": a stray write hit it");
    }
  }
  return types;
}

LaneFacts lane_of(const ring::Ring& ring, u32 index, Findings& findings) {
  const std::string name = "lane " + number(index);
  LaneFacts facts{ring::observe_lane<Memory>(ring.lanes[index])};
  facts.lane = index;
  facts.slots = ring.geometry.slots;
  if (facts.owner > ring.geometry.producers || (index == 0 && facts.owner != 0))
    findings.add(name + ": owner is " + number(facts.owner) + ", expected " +
                 (index == 0 ? "0 (it is shared)" : "at most " + number(ring.geometry.producers)));
  if (!facts.head_can_be())
    findings.add(name + ": head is " + number(facts.head) + ", expected at most one above its tail " + number(facts.tail));
  if (!facts.tail_can_be(ring.geometry))
    findings.add(name + ": tail is " + number(facts.tail) + ", expected at most " + number(facts.most_ahead(ring.geometry)) +
                 " above its head " + number(facts.head));
  return facts;
}

void count_slots(const ring::Ring& ring, u64 file_bytes, LaneFacts& lane, Findings& findings) {
  const u64 slots = ring::plan(ring.geometry, ring.header_bytes).slots;
  const u64 first = slots + u64{lane.lane} * ring.geometry.slots * ring.geometry.slot_bytes;
  const u64 there = file_bytes > first ? (file_bytes - first) / ring.geometry.slot_bytes : 0;
  u64 highest = ring.lap(lane.tail) + 1;
  for (u32 index = 0; index < std::min<u64>(ring.geometry.slots, there); ++index) {
    const ring::Word word = ring::observe<Memory>(ring.slot(lane.lane, index));
    const std::size_t state = std::min(static_cast<std::size_t>(word.state), slot_states - 1);
    ++lane.by_state[state];
    if (state != 0 && ring.position(word.lap, index) < lane.head) ++lane.stalled;
    // A claimed position lies at most one above the present tail, and a freed one a lap above that. The tail is read again only
    // if it matters, since each reading costs its writers a cache line.
    if (word.lap > highest) highest = ring.lap(ring::tail_seen<Memory>(ring.lanes[lane.lane])) + 1;
    const bool possible = state < slot_states - 1 && word.owner <= ring.geometry.producers &&
                          (state == 0) == (word.owner == 0) && word.lap <= highest;
    if (!possible)
      findings.add("lane " + number(lane.lane) + " slot " + number(index) + ": word is state " +
                   number(static_cast<u64>(word.state)) + ", owner " + number(word.owner) + ", lap " + number(word.lap) +
                   ", which is impossible");
  }
}

// Returns whether the process has the segment mapped, or nothing if that cannot be seen.
std::optional<bool> maps_segment(u32 pid, const os::Segment& segment) {
  struct stat status {};
  std::string maps;
  constexpr std::size_t limit = 16 << 20;
  if (os::calls.fstat(segment.fd.get(), &status) != 0) return std::nullopt;
  if (os::read_small(("/proc/" + number(pid) + "/maps").c_str(), maps, limit) != 0 || maps.empty()) return std::nullopt;
  // A line is: address perms offset device inode path. On an overlay the device differs from that of fstat, but the name does
  // not.
  const std::string inode = " " + number(status.st_ino) + " ", name = "/" + os::file_name(segment.name);
  for (std::size_t at = 0; at < maps.size();) {
    const std::size_t end = std::min(maps.find('\n', at), maps.size());
    const std::string_view line(maps.data() + at, end - at);
    if (line.find(inode) != line.npos && line.find(name) != line.npos) return true;
    at = end + 1;
  }
  return false;
}

Standing standing_of(const ProducerFacts& producer, const os::Segment& segment, os::Deaths& deaths) {
  if (producer.owner.start_time == 0 || !deaths.can_judge()) return Standing::unknown;
  const bool dead = deaths.dead(producer.entry, producer.owner.bits());
  deaths.forget(producer.entry);
  if (dead) return Standing::dead;
  const bool mapped = maps_segment(producer.owner.pid, segment).value_or(true);
  // The producer may have detached since. Then it is as alive as before.
  const ring::Owner now = ring::owner_seen<Memory>(segment.ring.entries[producer.entry]);
  return mapped || now.state != OwnerState::attached ? Standing::alive : Standing::replaced;
}

void check_entry(const ring::Ring& ring, const ProducerFacts& facts, u64 base, Findings& findings) {
  const std::string name = "producer entry " + number(facts.entry) + ": ";
  // A producer that is attaching, or whose attach found no lane, has no incarnation yet. One that left or died has none any
  // more while a collector frees the entry.
  const bool is_judged = facts.standing != Standing::dead && facts.standing != Standing::unknown;
  const bool living = facts.owner.state == OwnerState::attached && is_judged;
  const bool whole = living || (facts.owner.state >= OwnerState::attached && facts.incarnation != 0);
  if (facts.owner.pid == 0) findings.add(name + "owner has pid 0");
  if (!whole) return;
  if (facts.incarnation <= base || facts.incarnation >= u64{1} << 53)
    findings.add(name + "incarnation is " + number(facts.incarnation) + ", expected above " + number(base));
  if (facts.lane >= ring.geometry.lanes)
    findings.add(name + "lane is " + number(facts.lane) + ", expected below " + number(ring.geometry.lanes));
  if (!os::valid_name(facts.identity.name)) findings.add(name + "the producer's name is not valid");
  if (facts.logged.through > facts.account.attempted)
    findings.add(name + "logged is " + number(facts.logged.through) + ", expected at most what was attempted, " +
                 number(facts.account.attempted));
}

std::vector<ProducerFacts> producers_of(const os::Segment& segment, const HeaderFacts& header, bool judge, Findings& findings) {
  const ring::Ring& ring = segment.ring;
  std::optional<os::Deaths> deaths;
  if (judge && header.this_boot.value_or(true)) deaths.emplace(ring);
  std::vector<ProducerFacts> producers;
  for (u32 index = 0; index < ring.geometry.producers; ++index) {
    ProducerFacts facts;
    for (int tries = 0; tries < 4 && !facts.whole; ++tries) facts = {ring::observe_entry<Memory>(ring.entries[index]), index};
    if (!facts.whole || facts.owner.state == OwnerState::free) continue;
    if (deaths) facts.standing = standing_of(facts, segment, *deaths);
    check_entry(ring, facts, header.incarnation_base, findings);
    producers.push_back(facts);
  }
  return producers;
}

}  // namespace

u64 ProducerFacts::refused() const {
  u64 sum = 0;
  for (const ring::Counter& counter : counters) sum += counter.count;
  return sum;
}

u64 Inspection::undrained() const {
  u64 sum = 0;
  for (const LaneFacts& lane : lanes) sum += lane.fill();
  return sum;
}

u64 Inspection::exclusive_lanes_in_use() const {
  return static_cast<u64>(
      std::ranges::count_if(lanes, [](const LaneFacts& lane) { return lane.lane != 0 && lane.owner != 0; }));
}

Inspection read_segment(const os::Segment& segment, const std::vector<std::string>& findings, bool with_slots) {
  Inspection out;
  for (const std::string& text : findings) out.findings.add(text);
  out.header = header_of(segment, out.findings);
  out.collector = collector_of(segment, out.header, false);
  out.types = types_of(*segment.ring.header, out.findings);
  if (segment.ring.entries == nullptr) return out;
  for (u32 lane = 0; lane < segment.ring.geometry.lanes; ++lane) {
    out.lanes.push_back(lane_of(segment.ring, lane, out.findings));
    if (with_slots) count_slots(segment.ring, out.header.file_bytes, out.lanes.back(), out.findings);
  }
  out.producers = producers_of(segment, out.header, true, out.findings);
  return out;
}

Inspection read_figures(const os::Segment& segment) {
  Inspection out;
  out.header = header_of(segment, out.findings);
  out.collector = collector_of(segment, out.header, true);
  for (u32 lane = 0; lane < segment.ring.geometry.lanes; ++lane) out.lanes.push_back(lane_of(segment.ring, lane, out.findings));
  out.producers = producers_of(segment, out.header, false, out.findings);
  return out;
}

}  // namespace shmring::inspect
