// Decoding: addresses to names by the layout table, words to their fields.
#include "tests/explore/ring_trace.hpp"

#include <cstdio>

namespace explore {

using namespace shmring::ring;

namespace {

// In the order of At.
// clang-format off
constexpr const char* labels[] = {
    "look", "look_alone", "claim", "overwrite", "claim_alone", "fill", "publish", "observe", "take", "copy_out", "release",
    "step_over", "free_dead", "tail_hint", "tail_help", "tail_own", "tail_seen", "head_seen", "head_publish",
    "head_resume", "high_water", "high_water_seen", "freed_bump", "freed_seen", "freed_sleep",
    "waiters_seen", "waiters_add", "waiters_leave", "waiters_now", "lane_take", "lane_free", "lane_owner", "owner_claim",
    "owner_state", "owner_seen",
    "incarnation_next", "incarnation_hint", "incarnation_set", "incarnation_seen", "lane_set", "lane_seen", "identity_fill",
    "identity_copy",
    "attempt", "finish", "account_seen", "counter", "counter_seen", "refusal", "refusal_seen", "nested", "nested_seen",
    "logged", "logged_seen", "waiting", "waiting_over", "waiting_seen", "durable", "durable_resume", "durable_awaited",
    "durable_sleep", "durable_seen", "entry_zero", "segment_state", "segment_again", "segment_retire", "segment_reopen",
    "owner_judged", "type_claim", "type_fill", "type_publish", "type_seen", "type_copy",
    "collector_set", "collector_seen", "status_count", "figure", "figure_seen", "level", "level_seen",
    "clock_resume", "clock_begin", "clock_fill",
    "clock_end", "clock_seen", "clock_copy", "clock_again"};
// clang-format on
static_assert(std::size(labels) == Labels().size());

struct Place {
  std::string_view type;  // Slot, Entry, Lane, Header, StatusPage, StatusMore
  std::string_view field;
  std::string text;
};

Place place_in(std::string_view type, std::size_t index, std::size_t offset) {
  Place place{type, "", ""};
  std::size_t within = 0;
  for (const Field& field : layout_fields) {
    if (field.type == type && offset >= field.offset && offset < field.offset + field.size) {
      place.field = field.name;
      within = offset - field.offset;
    }
  }
  if (type == "Header" && place.field == "status") return place_in("StatusPage", 0, within);
  if (type == "Header" && place.field == "status_more") return place_in("StatusMore", 0, within);
  if (type == "Slot" && place.field.empty()) place.field = "payload";
  if (type == "Slot" || type == "Lane" || type == "Entry")
    place.text = (type == "Slot" ? "slot " : type == "Lane" ? "lane " : "entry ") + std::to_string(index) + ' ';
  place.text += place.field;
  if (place.field == "counters") place.text += '[' + std::to_string(within / 8) + ']';
  return place;
}

Place place_of(const RingWorld& world, const void* address) {
  const Ring& ring = world.ring();
  const auto* at = static_cast<const std::byte*>(address);
  auto within = [&](const void* begin, std::size_t item) {
    const auto offset = static_cast<std::size_t>(at - static_cast<const std::byte*>(begin));
    return std::pair{offset / item, offset % item};
  };
  if (at >= ring.slots) {
    const auto [index, offset] = within(ring.slots, ring.geometry.slot_bytes);
    return place_in("Slot", index, offset);
  }
  if (address >= ring.lanes) {
    const auto [index, offset] = within(ring.lanes, sizeof(Lane));
    return place_in("Lane", index, offset);
  }
  if (address >= ring.entries) {
    const auto [index, offset] = within(ring.entries, sizeof(Entry));
    return place_in("Entry", index, offset);
  }
  return place_in("Header", 0, within(ring.header, sizeof(Header)).second);
}

std::string decode(const Place& place, u64 value) {
  constexpr const char* slot_states[] = {"EMPTY", "WRITING", "READY", "READING", "4?", "5?", "6?", "7?"};
  constexpr const char* owner_states[] = {"free", "attaching", "attached", "left"};
  if (place.type == "Slot" && place.field == "word") {
    const Word word = Word::of(value);
    std::string out = std::string(slot_states[static_cast<int>(word.state)]) + "(lap " + std::to_string(word.lap);
    if (word.owner != 0) out += ", entry " + std::to_string(word.owner - 1);
    return out + ')';
  }
  if (place.type == "Entry" && place.field == "owner") {
    const Owner owner = Owner::of(value);
    if (value == 0) return "free";
    return "pid " + std::to_string(owner.pid) + ' ' + owner_states[static_cast<int>(owner.state)];
  }
  if (place.field == "account")
    return '(' + std::to_string(AccountWord::of(value).attempted) +
           (AccountWord::of(value).finished ? ", finished)" : ", in flight)");
  if (place.field == "counters")
    return std::to_string(Counter::of(value).count) + " last " + std::to_string(Counter::of(value).last);
  if (place.field == "refusal") return std::to_string(Refusals::of(value).count) + " refusals";
  if (place.field == "state") return value == 1 ? "open" : value == 2 ? "retired" : std::to_string(value);
  if (place.field == "incarnation") return std::to_string(value & (RingWorld::base - 1));
  return std::to_string(value);
}

// A newer message stands in the word than the one that this step has read, or stands behind.
std::string stale_text(const Scheduler& scheduler, const Place& place, const Step& step) {
  std::string by = "there from the start";
  if (step.writer >= 0) {
    by = "by " + scheduler.roles()[static_cast<std::size_t>(step.writer)].name + " in step " + std::to_string(step.written);
  }
  return "  STALE: the newest is " + decode(place, step.newest) + ", " + by + " [" + name_of(step.access.at) + ", " +
         file_of(step.access.at) + ']';
}

std::string describe(const RingWorld& world, const Scheduler& scheduler, const Step& step) {
  const Access& access = step.access;
  switch (access.kind) {
    case Kind::line: return "appends " + step.note;
    case Kind::kernel: return step.note;
    case Kind::proof: {
      const std::string& whose = scheduler.roles()[access.bytes].name;
      return "asks for a proof of death of " + whose + ": " + (step.after ? "DEAD" : "alive");
    }
    case Kind::choice:
      return step.after ? "takes the other choice (" + std::to_string(step.after) + ')' : "takes the usual choice";
    case Kind::killed:
      return scheduler.roles()[static_cast<std::size_t>(step.role)].restarts ? "IS KILLED and begins again" : "IS KILLED";
    case Kind::pause:
    case Kind::idle: return "waits";
    case Kind::wake: return "wakes who sleeps on " + place_of(world, access.address).text;
    default: break;
  }
  const Place place = place_of(world, access.address);
  const std::string file = file_of(access.at);
  std::string out = file.substr(file.rfind('/') + 1) + ' ' + name_of(access.at);
  out.resize(std::max<std::size_t>(out.size(), 29), ' ');
  out += place.text;
  const bool only_read = access.kind == Kind::load || access.kind == Kind::sleep || step.note == "fails";
  if (step.stale && only_read) return out + " is " + decode(place, step.after) + stale_text(scheduler, place, step);
  if (step.stale)
    return out + "  " + decode(place, step.before) + " -> " + decode(place, step.after) + stale_text(scheduler, place, step);
  switch (access.kind) {
    case Kind::load: return out + " is " + decode(place, step.after);
    case Kind::sleep:
      return out + (step.note.empty() ? " sleeps at " : " has changed, no sleep, at ") + decode(place, step.after);
    case Kind::copy_in:
    case Kind::copy_out:
      return out + " ... " + std::to_string(access.bytes) + (access.kind == Kind::copy_in ? " bytes in" : " bytes out") +
             (step.note == "race" ? "  A RACE [" + name_of(access.at) + ", " + file_of(access.at) + ']' : "");
    default: break;
  }
  if (step.note == "fails") return out + " is " + decode(place, step.before) + ": fails";
  return out + "  " + decode(place, step.before) + " -> " + decode(place, step.after);
}

}  // namespace

std::string name_of(At at) { return labels[static_cast<std::size_t>(at)]; }

std::optional<At> label_of(const std::string& name) {
  for (std::size_t i = 0; i < std::size(labels); ++i)
    if (name == labels[i]) return static_cast<At>(i);
  return std::nullopt;
}

std::string file_of(At at) {
  return at <= At::free_dead    ? "lib/ring/slot.hpp"
         : at <= At::lane_owner ? "lib/ring/lane.hpp"
         : at <= At::type_copy  ? "lib/ring/account.hpp"
                                : "lib/ring/status.hpp";
}

void print_trace(const RingWorld& world, const Scheduler& scheduler, const std::vector<Step>& steps) {
  int number = 0;
  for (const Step& step : steps) {
    const std::string& who = scheduler.roles()[static_cast<std::size_t>(step.role)].name;
    std::printf("%5d %-2s %s\n", ++number, who.c_str(), describe(world, scheduler, step).c_str());
  }
}

}  // namespace explore
