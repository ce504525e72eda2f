// shmring ls: lists the rings of this machine, each with its problem, also those that cannot be used.
#include <memory>

#include "lib/inspect/leftover.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/commands.hpp"
#include "tools/shmring/stat.hpp"

namespace shmring::tool {
namespace {

using inspect::Inspection;

struct Ring {
  std::string name, problem;
  bool opened = false;
  Inspection facts;
};

Ring read(const std::string& name) {
  Ring ring{name, "", false, {}};
  os::Segment segment;
  std::vector<std::string> findings;
  if (os::open_readonly(name, segment, findings) != 0) {
    ring.problem = os::last_error();
    return ring;
  }
  ring.opened = true;
  ring.facts = inspect::read_segment(segment, findings, false);
  if (!ring.facts.findings.texts.empty()) {
    ring.problem = ring.facts.findings.texts.front();
  } else if (ring.facts.collector.holds_lease) {  // that there is no collector is in a column of its own
    const std::vector<Warning> warnings = warnings_of_collector({ring.facts, os::monotonic_now_ns()});
    if (!warnings.empty()) ring.problem = warnings.front().what;
  }
  return ring;
}

std::string fill_text(const Inspection& facts) {
  u64 fullest = 0;
  for (const inspect::LaneFacts& lane : facts.lanes) fullest = std::max(fullest, lane.fill());
  const u64 slots = std::max<u64>(facts.header.geometry.slots, 1);
  return fmt::format("{} ({}%)", facts.undrained(), std::min<u64>(fullest, slots) * 100 / slots);
}

void print_text(const std::vector<Ring>& rings) {
  Table table({"RING", ">SIZE", "GEOMETRY", "STATE", "COLLECTOR", ">PRODUCERS", ">FILL", "PROBLEM"});
  for (const Ring& ring : rings) {
    if (!ring.opened) {
      table.row({ring.name, "-", "-", "-", "-", "-", "-", safe(ring.problem)});
      continue;
    }
    const inspect::HeaderFacts& header = ring.facts.header;
    const ring::Geometry& geometry = header.geometry;
    table.row({ring.name, bytes_text(header.file_bytes),
               fmt::format("{} x {} x {}", geometry.lanes, geometry.slots, geometry.slot_bytes),
               segment_state_name(header.state), collector_text(ring.facts.collector),
               fmt::format("{} of {}", ring.facts.producers.size(), geometry.producers), fill_text(ring.facts),
               safe(ring.problem)});
  }
  table.print();
}

void print_json(const Ring& ring) {
  Json json;
  json.string("ring", ring.name);
  if (ring.opened) {
    const inspect::HeaderFacts& header = ring.facts.header;
    json.number("size", header.file_bytes)
        .number("lanes", header.geometry.lanes)
        .number("slots", header.geometry.slots)
        .number("slot_bytes", header.geometry.slot_bytes)
        .string("state", segment_state_name(header.state));
    if (ring.facts.collector.holds_lease) json.number("collector", ring.facts.collector.identity.pid);
    json.number("producers", ring.facts.producers.size())
        .number("fill", ring.facts.undrained())
        .number("places", header.geometry.producers)
        .string("ring_id", ring_id_text(header.identity));
  }
  if (!ring.problem.empty()) json.string("problem", ring.problem);
  json.print();
}

int run(const std::string& output) {
  std::vector<std::string> names;
  if (const int error = os::list(names)) {
    complain(os::last_error());
    return exit_of(error);
  }
  std::vector<Ring> rings;
  for (const std::string& name : names) rings.push_back(read(name));
  if (output == "json") {
    for (const Ring& ring : rings) print_json(ring);
  } else if (rings.empty()) {
    complain("there is no ring; create one: shmringd --ring NAME --log DIR");
  } else {
    print_text(rings);
  }
  return ok;
}

}  // namespace

void register_ls(Command program) {
  auto output = std::make_shared<std::string>("text");
  Command command = program.add("ls", "List the rings");
  command.value("-o,--output", *output, "text, or json: one line for each ring").choose({"text", "json"});
  command.footer(
      "GEOMETRY is lanes x slots per lane x bytes per slot. FILL is the number of positions in all lanes that no collector has "
      "released yet, and how full the fullest lane is. PROBLEM is the first of those that `shmring doctor` finds in the ring, "
      "its "
      "collector or its log.\n"
      "Exit status: 0 ok, also if a ring has a problem; 3 no such directory, 4 permission, 6 SHMRING_DIR, 7 I/O.");
  command.run([output] { return run(*output); });
}

}  // namespace shmring::tool
