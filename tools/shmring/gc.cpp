// shmring gc: removes the segments that nobody needs any more, and says why. It also says why it keeps the others.
//
// Invariants:
//   - a segment is removed only if every owner is proven dead by a look right before the removal, and once more when it is
//     retired. A producer that has attached in between keeps it;
//   - without --lose nothing is given up that is in no log yet;
//   - a ring that is kept does not stay retired because its remover was killed.
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
  std::string output = "text", owner;
  bool dry_run = false, lose = false;
};

struct Verdict {
  std::string ring, why;
  u64 bytes = 0;
  inspect::Leftover leftover;
  bool remove = false, retired = false;
};

// Leaves the segment that it judged open in `segment`.
Verdict judge_ring(const std::string& ring, const Options& options, os::Segment& segment) {
  Verdict verdict;
  verdict.ring = ring;
  std::vector<std::string> findings;
  if (os::open_readonly(ring, segment, findings) != 0) {
    verdict.why = os::last_error();
    return verdict;
  }
  const inspect::Inspection facts = inspect::read_segment(segment, findings, false);
  verdict.bytes = facts.header.file_bytes;
  verdict.retired = is_retired(facts.header);
  if (facts.lanes.empty()) {
    verdict.why = fmt::format("it is damaged, so it cannot be seen who uses it: look at it with `shmring dump {}`", ring);
    return verdict;
  }
  verdict.leftover = judge(facts);
  verdict.why = verdict.leftover.why;
  if (!verdict.leftover.every_owner_dead) return verdict;
  if (os::check_trust(ring, segment, or_null(options.owner)) != 0) {
    verdict.why += std::string("; but: ") + os::last_error();
    return verdict;
  }
  verdict.remove = options.lose || !verdict.leftover.loses();
  if (!verdict.remove)
    verdict.why = fmt::format("{}; but: {}: {}{}", verdict.why, loss_text(verdict.leftover), way_into_a_log(facts),
                              may_be_given_up(facts, verdict.leftover) ? "; or give that up with --lose" : "");
  return verdict;
}

void print(const Verdict& verdict, const Options& options) {
  if (options.output == "json") {
    Json json;
    json.string("ring", verdict.ring)
        .boolean("removed", verdict.remove && !options.dry_run)
        .boolean("leftover", verdict.leftover.every_owner_dead)
        .string("why", verdict.why)
        .number("size", verdict.bytes)
        .number("undrained", verdict.leftover.undrained)
        .number("unlogged", verdict.leftover.unlogged)
        .print();
    return;
  }
  const char* const what = !verdict.remove ? "kept" : options.dry_run ? "would remove" : "removed";
  const std::string lost = verdict.remove ? loss_text(verdict.leftover) : "";
  fmt::print("{} {} ({}): {}{}\n", what, verdict.ring, bytes_text(verdict.bytes), safe(verdict.why),
             lost.empty() ? "" : "; lost: " + lost);
}

// Called for a ring that is kept. If its remover was killed, attach opens it again. If that fails, the next process to find it
// retired tries.
void open_again(const std::string& ring, const Options& options) {
  os::Segment segment;
  os::attach(ring, segment, or_null(options.owner));
}

// Returns 0 if the ring was removed, or kept because somebody needs it.
int remove(const Options& options, const os::Segment& segment, Verdict& verdict) {
  const os::Unneeded unneeded = options.lose ? os::Unneeded::by_the_living : os::Unneeded::by_anybody;
  const int error = os::unlink(verdict.ring, false, &segment, or_null(options.owner), unneeded);
  if (error != 0) {
    verdict.remove = false;
    verdict.why = os::last_error();
  } else if (options.lose) {
    verdict.leftover = judge(inspect::read_segment(segment, {}, false));  // what was lost, read when nobody writes any more
  }
  return error == -EBUSY ? 0 : error;
}

int run(const Options& options) {
  std::vector<std::string> names;
  if (const int error = os::list(names)) {
    complain(os::last_error());
    return exit_of(error);
  }
  int status = ok;
  for (const std::string& name : names) {
    os::Segment segment;
    Verdict verdict = judge_ring(name, options, segment);
    const int error = verdict.remove && !options.dry_run ? remove(options, segment, verdict) : 0;
    if (error != 0) status = exit_of(error);
    if (verdict.retired && !verdict.remove && !options.dry_run) open_again(name, options);
    print(verdict, options);
  }
  if (names.empty() && options.output == "text") complain("there is no ring");
  return status;
}

}  // namespace

void register_gc(Command program) {
  auto options = std::make_shared<Options>();
  Command command = program.add("gc", "Remove the rings whose owners are all proven dead");
  command.flag("-n,--dry-run", options->dry_run, "Only say what would be removed, and why");
  command.flag("--lose", options->lose, "Also remove rings with records that are in no log: these are then lost");
  command.value("-o,--output", options->output, "text, or json: one line for each ring").choose({"text", "json"});
  add_owner_option(command, options->owner);
  command.footer(
      "Owners are the producers that hold a place, the collector, and the creator. A process is dead if its pid is gone, or "
      "belongs to a process that started later; after a reboot all are dead. A process that cannot be judged counts as alive: "
      "it is in another pid namespace, or the segment is damaged. gc removes only rings whose owner is trusted (see --owner). "
      "--lose gives up records, but no ring that somebody may still use: only `shmring rm --force` does.\n"
      "Exit status: 0 ok, also if rings are kept; 3 no such directory, 4 permission, 6 SHMRING_DIR, 7 I/O.");
  command.run([options] { return run(*options); });
}

}  // namespace shmring::tool
