// The command line of shmringd.
#include "tools/shmringd/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "lib/collect/messages.hpp"
#include "lib/log/format/json.hpp"
#include "lib/ring/layout.hpp"
#include "tools/common/command_line.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/owner.hpp"
#include "tools/common/say.hpp"

namespace shmring::tool {

namespace {

constexpr const char* footer =
    "shmringd creates the ring if it is absent. An existing ring keeps its own geometry, policy and permissions. A ring of "
    "another boot is moved aside, as NAME.old-TIME, and so is one of libshmring 0.1 or 0.2 when all who used it have ended.\n\n"
    "On SIGTERM or SIGINT, shmringd drains the ring, writes a stop line and exits with 0. If its log is too slow to do that in "
    "5 seconds, the rest stays in the ring for the next shmringd, and the status is 7. SIGHUP and SIGUSR1 are ignored: there "
    "is nothing to reload yet.\n\n"
    "Exit status: 0 ok, 2 usage, 4 permission, 5 damaged ring or log, 6 configuration, 7 I/O, 8 another collector holds the "
    "ring or the log.\n\n"
    "Example: shmringd --ring payments --log /var/log/payments-audit";

// Reads octal digits like chmod. 0 is refused, because it would mean the default.
std::string read_mode(const std::string& text, std::uint32_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, 8);
  const bool all = error == std::errc{} && end == text.data() + text.size() && out != 0;
  return all ? "" : "'" + text + "' is not a mode: expected octal digits, for instance 0660";
}

void add_ring_options(Command program, collect::Settings& out, std::string& durability) {
  shmring_create_options& create = out.create;
  const Check numbers = whole_number(0, ~std::uint32_t{0});  // 0: the default
  // In the order of shmring_policy.
  const std::vector<std::string> policies{"drop", "overwrite", "wait", "hybrid"};
  program
      .value(
          "--on-full",
          [&create, policies](const std::string& name) {
            create.on_full = static_cast<std::uint32_t>(std::ranges::find(policies, name) - policies.begin());
            return std::string();
          },
          "what a write to a full ring does: drop refuses it, overwrite lets it take the oldest record's place, wait and "
          "hybrid let it wait (default drop)")
      .choose(policies);
  program
      .value("--wait-us", create.wait_us,
             "how long a write waits with wait and hybrid, in microseconds (default 100000, hybrid 1000)")
      .form("N")
      .check(numbers);
  program.value("--slots", create.slots, "slots per lane, a power of two from 64 (default 16384)").form("N").check(numbers);
  program.value("--slot-bytes", create.slot_bytes, "bytes per slot, 64 of them header, a power of two from 128 (default 256)")
      .form("N")
      .check(numbers);
  program.value("--lanes", create.lanes, "lanes, 1 to 64: one shared, the others exclusive (default 8)")
      .form("N")
      .check(numbers);
  program
      .value("--producers", create.producers,
             fmt::format("places for producers that are attached at one time, 1 to {} (default {})", ring::max_producers,
                         ring::default_producers))
      .form("N")
      .check(whole_number(1, ring::max_producers));
  program.value("--max-record", create.max_record, "largest payload in bytes (default 65536)").form("N").check(numbers);
  program
      .value("--group", out.group, "group whose members may attach, too, if they trust this user: see --owner (default: none)")
      .form("GROUP");
  program
      .value(
          "--mode", [&create](const std::string& text) { return read_mode(text, create.mode); },
          "permissions of the ring, octal, at most 0660 (default 0600; with --group 0660)")
      .form("MODE");
  program
      .value(
          "--durability", durability,
          "when a line counts as stored; this version knows one level, write: when the kernel has it. A power cut can lose it")
      .form("LEVEL")
      .check(one_of({"write"}));
}

}  // namespace

bool parse(int argc, char** argv, collect::Settings& out, int& status) {
  CommandLine line("Collect the audit records of one ring into one log.", "shmringd");
  Command program = line.program();
  std::string durability = "write";
  out.create.struct_size = sizeof out.create;
  out.status_if_damaged = damaged;
  line.version(fmt::format("shmringd {}.{}", SHMRING_VERSION_MAJOR, SHMRING_VERSION_MINOR));
  program.value("--ring", out.ring, "name of the ring: 1 to 63 of A-Z a-z 0-9 . _ -").required().form("NAME");
  program.value("--log", out.log_dir, "directory of the log; created if absent").required().form("DIR");
  add_ring_options(program, out, durability);
  add_owner_option(program, out.owner);
  program.flag("--busy", out.busy,
               "never sleep: records are taken at once, but a processor is spent on it; otherwise a record waits for up to 2 "
               "ms, or 25 ms if none came for a second");
  program.footer(footer);
  const Parsing parsing = line.parse(argc, argv);
  if (parsing.end == Parsing::End::asked) {
    status = answer("shmringd", parsing.text);
    return false;
  }
  if (parsing.end == Parsing::End::misused) {
    std::string what;
    log::append_escaped(what, parsing.text);
    collect::say("shmringd: {}\nusage: shmringd --ring NAME --log DIR [options]; see shmringd --help\n", what);
    status = usage;
    return false;
  }
  if (!out.group.empty()) out.create.group = out.group.c_str();
  return true;
}

}  // namespace shmring::tool
