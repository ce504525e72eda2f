// shmring dump for people: aligned and compact.
#include "lib/include/shmring/shmring.h"
#include "lib/inspect/leftover.hpp"
#include "lib/log/format/encoder.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/process.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/dump.hpp"

namespace shmring::tool {
namespace {

using inspect::Inspection;

void print_fact(const char* name, std::string_view text) { fmt::print("{} {}\n", bold(fmt::format("{:<9}", name)), text); }

void print_header(const inspect::HeaderFacts& header, const std::string& path) {
  const ring::Geometry& geometry = header.geometry;
  const char* const boot = !header.this_boot ? "an unknown boot" : *header.this_boot ? "this boot" : "another boot";
  print_fact("ring", fmt::format("{} ({})", safe(header.ring), safe(path)));
  print_fact("segment",
             fmt::format("{}, version {}, layout {:016x} {}, {} ({} bytes)", segment_state_name(header.state), header.version,
                         header.fingerprint, header.made_by.empty() ? "matches" : "of libshmring " + header.made_by,
                         bytes_text(header.file_bytes), header.file_bytes));
  print_fact("created", fmt::format("{} by pid {}, uid {}; {} attached so far", time_text(header.created_utc_ns),
                                    header.creator_pid, header.creator_uid, header.incarnations));
  print_fact("identity", ring_id_text(header.identity));
  print_fact("boot",
             fmt::format("{:016x}{:016x}: {}; pid namespace {}, time namespace {}: {}", header.boot_id[0], header.boot_id[1],
                         boot, header.pid_namespace, header.time_namespace, header.our_namespaces ? "ours" : "not ours"));
  print_fact("geometry", fmt::format("{} lanes x {} slots x {} bytes, {} producers, records up to {} bytes", geometry.lanes,
                                     geometry.slots, geometry.slot_bytes, geometry.producers, geometry.max_record));
  const bool waits = geometry.on_full >= static_cast<u32>(ring::OnFull::wait);
  print_fact("policy", fmt::format("{} when full{}, hash {}, timestamps {}", policy_name(geometry.on_full),
                                   waits ? fmt::format(" ({} µs)", geometry.wait_us) : "",
                                   geometry.flags & ring::with_tripwire ? "on" : "off",
                                   !(geometry.flags & ring::with_timestamp)               ? "off"
                                   : geometry.clock == static_cast<u32>(ring::Clock::tsc) ? "tsc"
                                                                                          : "monotonic"));
}

void print_collector(const Inspection& facts) {
  const inspect::CollectorFacts& collector = facts.collector;
  if (collector.epoch == 0) return print_fact("collector", collector_text(collector) + ", there never was one");
  const u64 now = os::monotonic_now_ns();
  std::string text = collector_text(collector);
  if (!collector.holds_lease && collector.identity.pid != 0)
    text += fmt::format(" (the last was pid {})", collector.identity.pid);
  text += fmt::format(", epoch {}", collector.epoch);
  if (facts.header.this_boot.value_or(false) && collector.heartbeat_ns != 0 && now >= collector.heartbeat_ns)
    text += fmt::format(", heartbeat {} ago", duration_text(now - collector.heartbeat_ns));
  if (collector.log_is_failing()) text += ", cannot write its log";
  const std::string causes = losses_text(collector, "{} {}", ", ");
  text += fmt::format("; {} logged, {} lost{}, {} stalled", collector.logged, collector.lost,
                      causes.empty() ? "" : " (" + causes + ")", collector.stalled);
  print_fact("collector", text);
  if (collector.has_more) print_fact("durable", durability_text(collector));
}

void print_lanes(const Inspection& facts) {
  Table table({"LANE", "OWNER", ">HEAD", ">TAIL", ">FILL", ">HIGH", ">EMPTY", ">WRITING", ">READY", ">READING", ">STALLED"});
  u64 unused = 0;
  for (const inspect::LaneFacts& lane : facts.lanes) {
    if (is_unused(lane) && ++unused) continue;
    const inspect::ProducerFacts* const owner = owner_of(facts, lane.owner);
    const std::string name = lane.lane == 0     ? "shared"
                             : lane.owner == 0  ? "free"
                             : owner != nullptr ? fmt::format("{} ({})", safe(owner->identity.name), lane.owner - 1)
                                                : fmt::format("entry {}", lane.owner - 1);
    std::vector<std::string> row{std::to_string(lane.lane), name};
    for (const u64 value : {lane.head, lane.tail, lane.fill(), lane.high_water}) row.push_back(std::to_string(value));
    for (std::size_t state = 0; state < 4; ++state) row.push_back(std::to_string(lane.by_state[state]));
    row.push_back(std::to_string(lane.stalled));
    table.row(std::move(row));
  }
  fmt::print("\n");
  table.print();
  if (unused != 0) fmt::print("{} more, never used\n", unused);
}

// Rare figures are printed below the table, if they are not zero.
void print_rest(const inspect::ProducerFacts& producer) {
  std::string text;
  if (const std::string refused = counters_text(producer, "{} {}", ", "); !refused.empty()) text += "; refused: " + refused;
  if (producer.refusals.mask != 0)
    text += fmt::format("; since its last record: {} (last {:#06x})", mask_text(producer.refusals.mask, ", "),
                        producer.refusals.last);
  if (producer.nested != 0) text += fmt::format("; {} nested", producer.nested);
  if (!producer.account.finished && producer.account.attempted != 0)
    text += fmt::format("; attempt {} under way", producer.account.attempted);
  if (!text.empty()) fmt::print("entry {}: {}\n", producer.entry, text.substr(2));
}

void print_producers(const Inspection& facts) {
  if (facts.producers.empty()) return fmt::print("\nno producers\n");
  Table table(
      {">ENTRY", "NAME", ">INC", ">PID", "PROCESS", ">UID", "STATE", ">LANE", ">ATTEMPTED", ">LOGGED", ">REFUSED", "CLAIMED"});
  for (const inspect::ProducerFacts& producer : facts.producers) {
    table.row({std::to_string(producer.entry), safe(producer.identity.name), std::to_string(producer.incarnation),
               std::to_string(producer.owner.pid), standing_name(producer.standing), std::to_string(producer.identity.uid),
               owner_state_name(producer.owner.state), std::to_string(producer.lane),
               std::to_string(producer.account.attempted), std::to_string(producer.logged.through),
               std::to_string(producer.refused()), safe(producer.identity.program)});
  }
  fmt::print("\n");
  table.print();
  for (const inspect::ProducerFacts& producer : facts.producers) print_rest(producer);
}

std::string owner_text(const Inspection& facts, u32 owner) {
  if (owner == 0) return "-";
  const inspect::ProducerFacts* const producer = owner_of(facts, owner);
  return producer != nullptr ? safe(producer->identity.name) : fmt::format("entry {}", owner - 1);
}

void print_hex(std::span<const std::byte> bytes) {
  constexpr std::size_t width = 16;
  for (std::size_t at = 0; at < bytes.size(); at += width) {
    std::string hex, text;
    for (std::size_t i = at; i < std::min(at + width, bytes.size()); ++i) {
      const auto byte = static_cast<unsigned char>(bytes[i]);
      hex += fmt::format("{:02x} ", byte);
      text += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
    }
    fmt::print("    {:04x}  {:<48} |{}|\n", at, hex, text);
  }
}

// Returns the beginning of a payload, as far as a terminal's line has room. A record of one slot is shown as the log would have
// it.
std::string preview(const inspect::SlotFacts& slot) {
  constexpr std::size_t most = 60;
  const bool whole = slot.header.chunks == 1 && (slot.header.flags & ring::flag_aborted) == 0;
  const std::string_view raw(reinterpret_cast<const char*>(slot.bytes.data()), slot.bytes.size());
  std::string decoded;
  if (whole && slot.header.kind != SHMRING_KIND_TEXT) {
    log::append_data(decoded, slot.header.kind, slot.bytes);
    if (decoded.size() <= most) return decoded;
    std::size_t cut = most;
    while ((static_cast<unsigned char>(decoded[cut]) & 0xc0) == 0x80) --cut;
    return decoded.substr(0, cut) + "…";
  }
  return raw.size() <= most ? safe(raw) : safe(raw.substr(0, most)) + "…";
}

}  // namespace

void dump_text(const Inspection& facts, const std::string& path) {
  print_header(facts.header, path);
  print_collector(facts);
  std::string types;
  for (const inspect::TypeFacts& type : facts.types)
    types += fmt::format("{}{}={}", types.empty() ? "" : ", ", type.type, safe(type.name));
  if (!types.empty()) print_fact("types", types);
  if (facts.lanes.empty()) return;
  print_lanes(facts);
  print_producers(facts);
}

void dump_slot_heads() {
  fmt::print("\n{}\n", bold(fmt::format("{:>4} {:>6} {:>9} {:>7} {:<16} {:<8} {:>9} {:<10} {:<6} {:>3} {:>5} {:<7} {}", "LANE",
                                        "SLOT", "POSITION", "LAP", "OWNER", "STATE", "SEQ", "TYPE", "KIND", "SEV", "BYTES",
                                        "HASH", "TIME AND DATA")));
}

void dump_slot_text(const inspect::SlotFacts& slot, const Inspection& facts, bool hex) {
  std::string line =
      fmt::format("{:>4} {:>6} {:>9} {:>7} {:<16} {:<8}", slot.lane, slot.index, slot.position, slot.word.lap,
                  owner_text(facts, slot.word.owner), slot_state_name(static_cast<std::size_t>(slot.word.state)));
  if (slot.has_record) {
    const ring::RecordHeader& record = slot.header;
    line += fmt::format(" {:>9} {:<10} {:<6} {:>3} {:>5} {:<7} ", record.sequence, type_text(facts, record.type),
                        kind_name(record), record.severity, record.length, hash_name(slot.hash));
    if (record.ticks != 0)
      line += facts.collector.clock ? time_text(facts.collector.clock->utc(record.ticks)) + " "
                                    : fmt::format("ticks {} ", record.ticks);
    if (record.chunks > 1) line += fmt::format("[chunk {}/{}] ", record.chunk + 1, record.chunks);
    if (record.flags & ring::flag_truncated) line += "[truncated] ";
    if (record.flags & ring::flag_aborted)
      line += fmt::format("[refused: {}] ", log::name_of(static_cast<log::Cause>(record.kind)));
    if (!hex) line += preview(slot);
  } else if (slot.moved) {
    line += " (changed while it was read)";
  }
  fmt::print("{}\n", line.substr(0, line.find_last_not_of(' ') + 1));
  if (hex) print_hex(slot.bytes);
}

}  // namespace shmring::tool
