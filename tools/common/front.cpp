// Parsing and ending: see front.hpp.
#include "tools/common/front.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <exception>
#include <string_view>
#include <system_error>

#include "lib/os/calls.hpp"
#include "lib/os/process.hpp"
#include "tools/common/say.hpp"
#include "tools/common/text.hpp"

namespace shmring::tool {
namespace {

// Returns the number of edits between two words: a character inserted, left out or changed, or two swapped.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t least = 3;
  for (const std::string& name : known) {
    if (word.size() > 32 || distance(word, name) >= std::min(least, name.size())) continue;
    best = name;
    least = distance(word, name);
  }
  return best.empty() ? "" : "; did you mean " + best + "?";
}

namespace {

int misused(std::string_view what, std::string_view usage_line, const std::string& command) {
  complain(what);
  say("usage: {}\nsee {} --help\n", usage_line, command);
  return usage;
}

}  // namespace

int check_name(const Command& program, const std::string& name) {
  const std::vector<std::string> known = program.commands();
  if (std::find(known.begin(), known.end(), name) != known.end()) return ok;
  return misused(fmt::format("'{}' is not a command{}", safe(name), nearest(name, known)),
                 fmt::format("shmring {}", fmt::join(known, "|")), "shmring");
}

namespace {

// All options before a subcommand are flags, so the first argument that is not an option is the subcommand.
int check_command(const Command& program, int argc, char** argv) {
  const std::vector<std::string> flags{"-h", "--help", "-V", "--version"};
  if (argc > 1 && argv[1][0] == '-' && std::find(flags.begin(), flags.end(), argv[1]) == flags.end())
    return misused(fmt::format("'{}' is not a known option or argument{}", safe(argv[1]), nearest(argv[1], flags)),
                   "shmring COMMAND [options] …", "shmring");
  const auto first = std::find_if(argv + 1, argv + argc, [](const char* argument) { return argument[0] != '-'; });
  return first == argv + argc ? ok : check_name(program, *first);
}

int report(const Parsing& parsing) {
  std::string what = safe(parsing.text);
  if (!parsing.used) return misused(what, "shmring COMMAND [options] …", "shmring");
  const Command& command = *parsing.used;
  if (parsing.extra)
    what = fmt::format("'{}' is not a known option or argument{}", safe(*parsing.extra),
                       nearest(*parsing.extra, command.options()));
  const std::string name = command.name();
  return misused(name + ": " + what, "shmring " + name + " [options]" + command.arguments(), "shmring " + name);
}

// Ends the program if another process truncates a mapped file.
void on_bus_error(int) {
  constexpr std::string_view text = "shmring: the ring's file was truncated while it was read: try again\n";
  if (os::calls.write(2, text.data(), text.size()) < 0) ::_exit(io);
  ::_exit(damaged);
}

void watch_for_truncation() {
  struct sigaction action {};
  action.sa_handler = on_bus_error;
  os::calls.sigaction(SIGBUS, &action, nullptr);
}

int run(int argc, char** argv, const Front& front) {
  if (const int error = os::hold_standard_descriptors(); error != 0) {
    complain(fmt::format("cannot open /dev/null in place of a closed standard descriptor: {}", std::strerror(-error)));
    return io;
  }
  CommandLine line(front.description, "shmring");
  for (const Register add : front.commands) add(line.program());
  line.version(front.version);
  line.program().footer(front.footer);
  watch_for_truncation();
  if (const int misuse = check_command(line.program(), argc, argv)) return misuse;
  const Parsing parsing = line.parse(argc, argv);
  switch (parsing.end) {
    case Parsing::End::asked: return answer("shmring", parsing.text);
    case Parsing::End::misused: return report(parsing);
    case Parsing::End::ran: break;
  }
  return finish("shmring", parsing.status);
}

}  // namespace

int run_commands(int argc, char** argv, const Front& front) {
  try {
    return run(argc, argv, front);
  } catch (const std::system_error& error) {
    return cannot_write("shmring", error.code().value());
  } catch (const std::exception& error) {
    complain(error.what());
    return io;
  }
}

}  // namespace shmring::tool
