// shmring rm NAME: retires a ring and removes its name, unless somebody still needs it.
//
// Invariants:
//   - without --force no record that is not in a log yet and nobody's place is given up. This includes producers that attach in
//     the meantime;
//   - what --force gives up is reported, including what was written until the ring had lost its name;
//   - only the segment that was judged is removed, and not one that has got its name since.
#include <memory>

#include "lib/inspect/leftover.hpp"
#include "lib/os/error.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/owner.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/advice.hpp"
#include "tools/shmring/commands.hpp"

namespace shmring::tool {
namespace {

struct Options {
  std::string name, output = "text", owner;
  bool force = false;
};

// Returns what stands against a removal, one sentence each.
std::vector<std::string> reasons(const std::string& name, const inspect::Inspection& facts) {
  std::vector<std::string> reasons;
  if (facts.collector.holds_lease)
    reasons.push_back(facts.collector.identity.pid != 0
                          ? fmt::format("a collector ({}) drains it: stop it first with kill -TERM {}",
                                        collector_text(facts.collector), facts.collector.identity.pid)
                          : fmt::format("a collector has just taken it: see `shmring stat {}`", name));
  if (const u64 live = live_producers(facts))
    reasons.push_back(fmt::format("{} producer{} attached: see `shmring stat {}`", live, live == 1 ? " is" : "s are", name));
  if (const std::string lost = loss_text(judge(facts)); !lost.empty())
    reasons.push_back(fmt::format("{}: {}", lost, way_into_a_log(facts)));
  return reasons;
}

void print_removed(const Options& options, const std::string& path, const inspect::Inspection& facts) {
  const u64 live = live_producers(facts);
  const inspect::Leftover leftover = judge(facts);
  if (options.output == "json") {
    Json json;
    json.string("removed", options.name).string("path", path).number("size", facts.header.file_bytes);
    json.number("producers", live).number("undrained", leftover.undrained).number("unlogged", leftover.unlogged).print();
    return;
  }
  fmt::print("removed ring {} ({}, {})", options.name, path, bytes_text(facts.header.file_bytes));
  if (live != 0) fmt::print("; {} attached producer{} will be told that it is retired", live, live == 1 ? "" : "s");
  if (leftover.loses() && !facts.collector.holds_lease) fmt::print("; lost: {}", loss_text(leftover));
  fmt::print("\n");
}

// Keeps the ring. If its remover was killed, attach opens it again. If that fails, the next process to find it retired tries.
int keep(const Options& options, const inspect::Inspection& facts, int status) {
  os::Segment segment;
  if (is_retired(facts.header)) os::attach(options.name, segment, or_null(options.owner));
  return status;
}

int run(const Options& options) {
  const std::string path = path_of(options.name);
  inspect::Inspection facts;
  os::Segment segment;
  std::vector<std::string> findings;
  const int unreadable = os::open_readonly(options.name, segment, findings);
  if (unreadable == 0) facts = inspect::read_segment(segment, findings, false);
  if (unreadable == -ENOENT || (unreadable != 0 && !options.force)) {
    complain(os::last_error());
    return exit_of(unreadable);
  }
  const std::vector<std::string> against = reasons(options.name, facts);
  if (!against.empty() && !options.force) {
    for (const std::string& reason : against) complain(fmt::format("ring {}: not removed: {}", options.name, reason));
    if (may_be_given_up(facts, judge(facts))) complain(fmt::format("ring {}: to give that up, use --force", options.name));
    return keep(options, facts, busy);
  }
  const os::Unneeded unneeded = options.force ? os::Unneeded::unasked : os::Unneeded::by_anybody;
  const os::Segment* const judged = unreadable == 0 ? &segment : nullptr;
  if (const int error = os::unlink(options.name, options.force, judged, or_null(options.owner), unneeded)) {
    complain(os::last_error());
    return keep(options, facts, exit_of(error));
  }
  if (judged != nullptr) facts = inspect::read_segment(segment, findings, false);
  print_removed(options, path, facts);
  return ok;
}

}  // namespace

void register_rm(Command program) {
  auto options = std::make_shared<Options>();
  Command command = program.add("rm", "Retire a ring and remove it");
  command.value("NAME", options->name, "The ring").required().check(check_ring_name);
  command.flag(
      "--force", options->force,
      "Remove it even if it is in use, has records that are in no log (they are then lost), or is not a usable segment");
  command.value("-o,--output", options->output, "text, or json: one line").choose({"text", "json"});
  add_owner_option(command, options->owner);
  command.footer(
      "--force takes a ring even from those who use it. To give up records only of rings whose owners are all dead, there is "
      "`shmring gc --lose`.\n"
      "Exit status: 0 removed, 3 no such ring, 4 permission, 5 not a usable segment, 8 in use.");
  command.run([options] { return run(*options); });
}

}  // namespace shmring::tool
