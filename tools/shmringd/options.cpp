// The command line of shmringd.
#include "tools/shmringd/options.hpp"

#include <fmt/format.h>

#include <deque>

#include "lib/collect/messages.hpp"
#include "lib/ring/validate.hpp"
#include "tools/common/command_line.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/say.hpp"
#include "tools/common/text.hpp"

namespace shmring::tool {

namespace {

constexpr const char* footer =  // {}: the older versions
    "shmringd creates the ring if it is absent. An existing ring keeps its own geometry, policy and permissions. A ring of "
    "another boot is moved aside, as NAME.old-TIME, and so is one of libshmring {} when all who used it have ended.\n\n"
    "The command line wins over the configuration file. On SIGHUP, shmringd reads the file again. It takes over all that has "
    "changed, or nothing: not if the file has an error, or if a change needs a restart. --check-config prints all settings as "
    "such a file.\n\n"
    "On SIGTERM or SIGINT, shmringd drains the ring, writes a stop line and exits with 0. If its log is too slow to do that in "
    "5 seconds, the rest stays in the ring for the next shmringd, and the status is 7. On SIGUSR1 it begins a new file of the "
    "log.\n\n"
    "Exit status: 0 ok, 2 usage, 4 permission, 5 damaged ring or log, 6 configuration, 7 I/O, 8 another collector holds the "
    "ring or the log.\n\n"
    "Example: shmringd --ring payments --log /var/log/payments-audit";

// Returns "0.1, 0.2 or 0.3", whose rings only the shmringd of their version drains.
std::string older_versions() {
  std::string out;
  for (const ring::OlderVersion& one : ring::older_versions) {
    const char* const between = out.empty() ? "" : &one == &std::end(ring::older_versions)[-1] ? " or " : ", ";
    out += between + std::string(one.library);
  }
  return out;
}

void add_option(Command program, const Setting& setting, std::optional<Value>& value, bool& is_given) {
  if (setting.type == Type::flag) {
    program.flag(setting.option, is_given, manual(setting));
    return;
  }
  const auto take = [&setting, &value](const std::string& text) { return read_value(setting, text, value.emplace()); };
  Option option = program.value(setting.option, take, manual(setting) + (setting.is_required ? "; required" : ""));
  if (*setting.form == '\0') {
    option.choose(setting.words);
  } else {
    option.form(setting.form);
  }
}

}  // namespace

int misused(const std::string& what) {
  collect::say("shmringd: {}\nusage: shmringd --ring NAME --log DIR [options]; see shmringd --help\n", safe(what));
  return usage;
}

bool parse_options(int argc, char** argv, Asked& out, int& status) {
  CommandLine line("Collect the audit records of one ring into one log.", "shmringd");
  Command program = line.program();
  line.version(fmt::format("shmringd {}.{}", SHMRING_VERSION_MAJOR, SHMRING_VERSION_MINOR));
  program.value("--config", out.config, "a file of these settings, in TOML").form("FILE");
  program.flag("--check-config", out.check, "do all but start, and print the settings in force, as a configuration file");
  program.flag(
      "--new-log", out.new_log,
      "move the log that is there into old-TIME in its directory, erase its keys, and begin a new one, with --seal: for a "
      "log that was restored from a backup, and so is not what was signed");
  std::deque<bool> given(settings().size(), false);  // of the flags
  for (std::size_t i = 0; i < settings().size(); ++i) add_option(program, settings()[i], out.values[i], given[i]);
  program.footer(fmt::format(footer, older_versions()));
  const Parsing parsing = line.parse(argc, argv);
  if (parsing.end == Parsing::End::asked) {
    status = answer("shmringd", parsing.text);
    return false;
  }
  if (parsing.end == Parsing::End::misused) {
    status = misused(parsing.text);
    return false;
  }
  for (std::size_t i = 0; i < settings().size(); ++i)
    if (given[i]) read_value(settings()[i], "true", out.values[i].emplace());
  return true;
}

}  // namespace shmring::tool
