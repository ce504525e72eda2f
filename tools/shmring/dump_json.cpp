// shmring dump for programs: one JSON object per line, whose first key "what" is header, collector, type, lane, producer or
// slot.
#include "lib/include/shmring/shmring.h"
#include "lib/log/format/encoder.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/dump.hpp"

namespace shmring::tool {
namespace {

using inspect::Inspection;

void print_header(const inspect::HeaderFacts& header) {
  const ring::Geometry& geometry = header.geometry;
  Json json;
  json.string("what", "header")
      .string("ring", header.ring)
      .string("state", segment_state_name(header.state))
      .number("version", header.version)
      .string("layout", fmt::format("{:016x}", header.fingerprint))
      .number("size", geometry.size)
      .number("file_bytes", header.file_bytes)
      .number("lanes", geometry.lanes)
      .number("slots", geometry.slots)
      .number("slot_bytes", geometry.slot_bytes)
      .number("producers", geometry.producers)
      .number("max_record", geometry.max_record)
      .string("on_full", policy_name(geometry.on_full))
      .number("wait_us", geometry.wait_us)
      .boolean("hash", (geometry.flags & ring::with_tripwire) != 0)
      .boolean("timestamp", (geometry.flags & ring::with_timestamp) != 0)
      .string("clock", geometry.clock == static_cast<u32>(ring::Clock::tsc) ? "tsc" : "monotonic")
      .string("boot_id", fmt::format("{:016x}{:016x}", header.boot_id[0], header.boot_id[1]));
  if (header.this_boot) json.boolean("this_boot", *header.this_boot);
  json.number("pid_namespace", header.pid_namespace)
      .number("time_namespace", header.time_namespace)
      .boolean("our_namespaces", header.our_namespaces)
      .string("created", time_text(header.created_utc_ns))
      .number("creator_pid", header.creator_pid)
      .number("creator_uid", header.creator_uid)
      .number("incarnations", header.incarnations)
      .string("ring_id", ring_id_text(header.identity))
      .print();
}

void print_collector(const inspect::CollectorFacts& collector) {
  Json json;
  json.string("what", "collector")
      .boolean("running", collector.holds_lease)
      .number("pid", collector.identity.pid)
      .number("epoch", collector.epoch)
      .number("heartbeat_ns", collector.heartbeat_ns)
      .number("wakeups", collector.wakeups)
      .number("cpu_ns", collector.cpu_ns)
      .number("logged", collector.logged)
      .number("lost", collector.lost)
      .raw("causes", "{" + losses_text(collector, "\"{}\":{}", ",", true) + "}")
      .number("stalled", collector.stalled)
      .string("state", status_state_name(collector.state));
  add_durability(json, collector);
  json.print();
}

void print_lane(const inspect::LaneFacts& lane) {
  Json json;
  json.string("what", "lane").number("lane", lane.lane);
  if (lane.owner != 0) json.number("owner", lane.owner - 1);
  json.number("head", lane.head)
      .number("tail", lane.tail)
      .number("fill", lane.fill())
      .number("high_water", lane.high_water)
      .number("waiters", lane.waiters);
  for (std::size_t state = 0; state < 4; ++state) json.number(slot_state_name(state), lane.by_state[state]);
  json.number("stalled", lane.stalled).print();
}

void print_producer(const inspect::ProducerFacts& producer) {
  Json json;
  json.string("what", "producer")
      .number("entry", producer.entry)
      .string("producer", producer.identity.name)
      .number("inc", producer.incarnation)
      .number("pid", producer.owner.pid)
      .string("process", standing_name(producer.standing))
      .number("start_time", producer.owner.start_time)
      .number("uid", producer.identity.uid)
      .number("tid", producer.identity.tid)
      .string("state", owner_state_name(producer.owner.state))
      .number("lane", producer.lane)
      .number("attempted", producer.account.attempted)
      .boolean("finished", producer.account.finished)
      .number("logged", producer.logged.through)
      .number("durable", producer.durable)
      .number("refused", producer.refused())
      .raw("causes", "{" + counters_text(producer, "\"{}\":{}", ",") + "}")
      .string("why", mask_text(producer.refusals.mask, "|"))
      .number("nested", producer.nested)
      .string("claimed", producer.identity.program)
      .print();
}

void add_record(Json& json, const inspect::SlotFacts& slot, const Inspection& facts) {
  const ring::RecordHeader& record = slot.header;
  json.number("seq", record.sequence).number("type", record.type);
  if (const std::string name = type_text(facts, record.type); name != std::to_string(record.type))
    json.string("type_name", name);
  const bool aborted = (record.flags & ring::flag_aborted) != 0;
  json.string("kind", kind_name(record))
      .number("sev", record.severity)
      .number("bytes", record.length)
      .string("hash", hash_name(slot.hash))
      .number("ticks", record.ticks);
  if (record.ticks != 0 && facts.collector.clock) json.string("time", time_text(facts.collector.clock->utc(record.ticks)));
  json.string("corr", hex_of(std::as_bytes(std::span(record.correlation))))
      .number("chunk", record.chunk)
      .number("chunks", record.chunks)
      .boolean("truncated", (record.flags & ring::flag_truncated) != 0)
      .boolean("aborted", aborted);
  if (aborted) json.string("cause", log::name_of(static_cast<log::Cause>(record.kind)));
  json.number("refused", record.refused).string("why", mask_text(record.why, "|"));
  // A chunk alone is neither JSON nor fields, and an aborted slot is not a record.
  const bool whole = record.chunks == 1 && !aborted;
  std::string data;
  const bool valid = log::append_data(data, whole ? record.kind : ring::u8{SHMRING_KIND_TEXT}, slot.bytes);
  json.raw("data", data);
  if (!valid) json.boolean("invalid", true);
}

}  // namespace

void dump_json(const Inspection& facts) {
  print_header(facts.header);
  print_collector(facts.collector);
  for (const inspect::TypeFacts& type : facts.types) {
    Json json;
    json.string("what", "type").number("type", type.type).string("name", type.name).print();
  }
  for (const inspect::LaneFacts& lane : facts.lanes) print_lane(lane);
  for (const inspect::ProducerFacts& producer : facts.producers) print_producer(producer);
}

void dump_slot_json(const inspect::SlotFacts& slot, const Inspection& facts, bool hex) {
  Json json;
  json.string("what", "slot")
      .number("lane", slot.lane)
      .number("slot", slot.index)
      .number("position", slot.position)
      .number("lap", slot.word.lap)
      .string("word", fmt::format("{:016x}", slot.word.bits()))
      .string("state", slot_state_name(static_cast<std::size_t>(slot.word.state)));
  if (slot.word.owner != 0) json.number("owner", slot.word.owner - 1);
  if (const inspect::ProducerFacts* const owner = owner_of(facts, slot.word.owner))
    json.string("producer", owner->identity.name);
  if (slot.moved) json.boolean("moved", true);
  if (slot.has_record) add_record(json, slot, facts);
  if (hex) json.string("hex", hex_of(slot.bytes));
  json.print();
}

}  // namespace shmring::tool
