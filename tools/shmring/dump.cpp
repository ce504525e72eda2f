// shmring dump NAME|FILE: shows what is in a segment. It may be live, which is not disturbed, a copy, damaged, or of another
// boot.
//
// Invariant: everything that can be read is printed before a finding decides the exit status.
#include "tools/shmring/dump.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <charconv>
#include <memory>

#include "lib/log/format/line.hpp"
#include "lib/os/calls.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/commands.hpp"

namespace shmring::tool {
namespace {

using inspect::SlotFacts;
using inspect::SlotFilter;

// Parses "A-B", "A-" or "A", each an index in a lane.
bool parse_range(std::string_view text, SlotFilter& filter) {
  const auto number = [](std::string_view digits, u32& out) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return error == std::errc{} && end == digits.data() + digits.size();
  };
  const std::size_t dash = text.find('-');
  if (!number(text.substr(0, dash), filter.first)) return false;
  filter.last = filter.first;
  if (dash == text.npos) return true;
  const std::string_view last = text.substr(dash + 1);
  filter.last = ~u32{0};
  return last.empty() || (number(last, filter.last) && filter.first <= filter.last);
}

std::string check_range(const std::string& text) {
  SlotFilter filter;
  return parse_range(text, filter) ? "" : "'" + text + "' is not a range of slots: expected A-B, A- or A, from 0";
}

std::string check_ring_or_path(const std::string& name) { return name.find('/') != name.npos ? "" : check_ring_name(name); }

bool asks_for_slots(const DumpOptions& options) {
  return !options.slots.empty() || !options.state.empty() || options.lane || options.hex;
}

SlotFilter filter_of(const DumpOptions& options) {
  SlotFilter filter;
  if (!options.slots.empty()) parse_range(options.slots, filter);
  filter.lane = options.lane;
  for (std::size_t state = 0; state + 1 < inspect::slot_states; ++state)
    if (options.state == slot_state_name(state)) filter.state = static_cast<ring::SlotState>(state);
  return filter;
}

int check_against(const DumpOptions& options, const inspect::Inspection& facts) {
  const ring::Geometry& geometry = facts.header.geometry;
  if (facts.lanes.empty()) return ok;
  const SlotFilter filter = filter_of(options);
  if (options.lane && *options.lane >= geometry.lanes) {
    complain(fmt::format("ring {}: there is no lane {}: it has lanes 0 to {}", safe(options.name), *options.lane,
                         geometry.lanes - 1));
    return usage;
  }
  if (filter.first < geometry.slots) return ok;
  complain(fmt::format("ring {}: there is no slot {}: a lane has slots 0 to {}", safe(options.name), filter.first,
                       geometry.slots - 1));
  return usage;
}

bool is_file_here(const std::string& name) {
  struct stat status {};
  return name.find('/') == name.npos && os::calls.fstatat(AT_FDCWD, name.c_str(), &status, 0) == 0;
}

int run(const DumpOptions& options) {
  os::Segment segment;
  std::vector<std::string> problems;
  if (const int status = look(options.name, segment, problems)) {
    if (status == absent && is_file_here(options.name))
      complain(
          fmt::format("file {0}: it is in this directory, but a path needs a /: to look at it, write ./{0}", options.name));
    return status;
  }
  inspect::Inspection facts = inspect::read_segment(segment, problems, true);
  if (const int status = check_against(options, facts)) return status;
  const bool json = options.output == "json";
  if (json) {
    dump_json(facts);
  } else {
    dump_text(facts, path_of(options.name));
  }
  if (asks_for_slots(options)) {
    if (!json) dump_slot_heads();
    const auto show = [&](const SlotFacts& slot) {
      json ? dump_slot_json(slot, facts, options.hex) : dump_slot_text(slot, facts, options.hex);
      return true;
    };
    inspect::read_slots(segment, filter_of(options), show, facts.findings);
  }
  const inspect::Findings& findings = facts.findings;
  for (const std::string& text : findings.texts) warn(fmt::format("{}: {}", safe(options.name), safe(text)));
  if (findings.count > findings.texts.size())
    warn(fmt::format("{}: and {} more of this kind", safe(options.name), findings.count - findings.texts.size()));
  return findings.count == 0 ? ok : damaged;
}

}  // namespace

const inspect::ProducerFacts* owner_of(const inspect::Inspection& facts, u64 owner) {
  for (const inspect::ProducerFacts& producer : facts.producers)
    if (owner != 0 && producer.entry == owner - 1) return &producer;
  return nullptr;
}

std::string type_text(const inspect::Inspection& facts, u32 type) {
  for (const inspect::TypeFacts& named : facts.types)
    if (named.type == type) return safe(named.name);
  return std::to_string(type);
}

const char* kind_name(const ring::RecordHeader& record) {
  constexpr const char* names[] = {"text", "json", "fields", "bytes"};
  if (record.flags & ring::flag_aborted) return "none";
  return record.kind < std::size(names) ? names[record.kind] : "?";
}

const char* hash_name(inspect::Hash hash) {
  constexpr const char* names[] = {"absent", "ok", "bad", "unknown"};
  return names[static_cast<std::size_t>(hash)];
}

std::string mask_text(ring::u16 mask, const char* between) {
  std::string text;
  for (std::size_t i = 0; i < ring::causes; ++i) {
    if ((mask >> i & 1) == 0) continue;
    if (!text.empty()) text += between;
    text += log::name_of(static_cast<log::Cause>(i));
  }
  return text;
}

void register_dump(Command program) {
  auto options = std::make_shared<DumpOptions>();
  Command command = program.add("dump", "Show the segment of a live ring, or a copy of it");
  command.value("NAME|FILE", options->name, "A ring's name, or the path of a copied segment, with a / in it")
      .required()
      .check(check_ring_or_path);
  command.value("--slots", options->slots, "Show these slots of each lane: A-B, A- or A").form("A-B").check(check_range);
  command.value("--lane", options->lane, "Show the slots of this lane only")
      .form("N")
      .check(whole_number(0, ring::max_lanes - 1));
  command.value("--state", options->state, "Show the slots in this state only")
      .choose({"empty", "writing", "ready", "reading"});
  command.flag("--hex", options->hex, "Show the slots' bytes in hexadecimal");
  command.value("-o,--output", options->output, "text, or json: one line for each thing that is shown")
      .choose({"text", "json"});
  command.footer(
      "dump only reads the ring, and disturbs nobody who uses it. The parts of a live ring are shown as they were at slightly "
      "different moments. STALLED slots lie below the head and are not empty yet: their owner is stopped, or died just now. "
      "CLAIMED is the program that a producer says it is.\n"
      "Exit status: 0 ok, 2 usage, 3 no such ring or file, 4 permission or a symbolic link, 5 something is wrong with the "
      "segment: what can be read is shown all the same.\n\n"
      "Examples: shmring dump payments\n"
      "          shmring dump payments --state ready --hex\n"
      "          cp /dev/shm/shmring.payments copy && shmring dump ./copy --lane 0 --slots 0-15");
  command.run([options] { return run(*options); });
}

}  // namespace shmring::tool
