// shmring forward: sends the lines of logs to an archive, and makes or checks the streams for that.
#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <optional>

#include "lib/os/error.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/say.hpp"
#include "tools/common/text.hpp"
#include "tools/common/units.hpp"
#include "tools/forward/access.hpp"
#include "tools/forward/commands.hpp"
#include "tools/forward/figures.hpp"
#include "tools/forward/nats.hpp"
#include "tools/forward/sender.hpp"
#include "tools/forward/service.hpp"

namespace shmring::tool {
namespace {

using fleet::Outcome;

constexpr std::uint64_t least_stream = 64 << 20, most_stream = std::uint64_t{1} << 50;

struct Options {
  forward::Access access;
  std::vector<std::string> dirs;
  std::string host, ring, metrics, from, replicas = "3", max_bytes = "10 GiB";
  bool create = false, check = false;
};

int replicas_of(const Options& options) { return options.replicas[0] - '0'; }

std::string check_size(const std::string& text) {
  const std::optional<std::uint64_t> size = read_size(text);
  return size && *size >= least_stream && *size <= most_stream ? ""
                                                               : "expected a size from 64 MiB to 1024 TiB, for instance 10 GiB";
}

int exit_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::done: return ok;
    case Outcome::refused: return permission;
    default: return io;
  }
}

int complain_of(Outcome outcome, const std::string& text) {
  complain("forward: " + safe(text));
  return exit_of(outcome);
}

std::string misuse(const Options& options) {
  if (std::string what = misuse_of(options.access, "--to"); !what.empty()) return what;
  const bool only_streams = options.create || options.check;
  if (only_streams) return options.dirs.empty() ? "" : "--create-stream and --check look at the cluster alone: leave DIR out";
  if (options.dirs.empty()) return "DIR is required: the directory that shmringd --log writes to";
  if (options.host.empty()) return "--host is required: the name of this host in the archive";
  if (options.dirs.size() > 1 && !options.ring.empty())
    return "--ring is for one DIR: with several, their logs say which ring they are of";
  if (options.dirs.size() > 1 && !options.from.empty()) return "--from is for one DIR: it is a decision about one log";
  return "";
}

int create(const Options& options, forward::Nats& nats) {
  forward::Wanted wanted{.replicas = replicas_of(options)};
  wanted.max_bytes = static_cast<std::int64_t>(*read_size(options.max_bytes));
  std::string text;
  if (const Outcome made = nats.create_streams(wanted, text); made != Outcome::done) return complain_of(made, text);
  return ok;
}

int check(const Options& options, forward::Nats& nats) {
  forward::Findings found;
  std::string text;
  if (const Outcome asked = nats.check_streams(replicas_of(options), found, text); asked != Outcome::done)
    return complain_of(asked, text);
  for (const std::string& what : found.fine) fmt::print("ok: {}\n", safe(what));
  for (const std::string& what : found.warned) fmt::print("warning: {}\n", safe(what));
  for (const std::string& what : found.refused) fmt::print("refused: {}\n", safe(what));
  return found.refused.empty() ? ok : negative;
}

// A log with its stage. The stage ends before what it runs.
struct Line {
  std::unique_ptr<Sender> sender;
  Stage stage;
};

std::string summary_of(const std::vector<std::unique_ptr<Line>>& lines, const forward::Nats& nats) {
  std::size_t sending = 0;
  for (const auto& line : lines) sending += line->sender->snapshot().status.state == fleet::Sending::sending;
  const std::string server = nats.connected_to();
  return fmt::format("{} of {} logs are being sent, {}.", sending, lines.size(),
                     server.empty() ? "and no server is connected" : "to " + safe(server));
}

int send(const Options& options, forward::Nats& nats) {
  std::vector<std::unique_ptr<Line>> lines;
  std::optional<u64> from;
  if (!options.from.empty()) from = std::stoull(options.from);
  for (const std::string& dir : options.dirs) {
    lines.push_back(std::make_unique<Line>());
    lines.back()->sender =
        std::make_unique<Sender>(fleet::ForwardRequest{.dir = dir, .host = options.host, .ring = options.ring, .from = from},
                                 nats.publishing(), [&nats] { return nats.is_over(); });
  }
  const auto figures = [&](u64 now_ns) {
    std::vector<SenderFacts> facts;
    for (const auto& line : lines) facts.push_back(line->sender->snapshot());
    return forward_figures(options.host, facts, now_ns);
  };
  Service service({"forward", options.metrics, figures, [&] { return summary_of(lines, nats); }});
  int error = service.begin();
  std::vector<Stage*> stages;
  for (const auto& line : lines) {
    stages.push_back(&line->stage);
    Sender& sender = *line->sender;
    if (error == 0) error = line->stage.begin([&sender](u64 now_ns) { return sender.step(now_ns); });
  }
  if (error != 0) {
    complain(fmt::format("forward: cannot begin: {}", std::strerror(-error)));
    return io;
  }
  return service.run(stages);
}

int run(const Options& options) {
  if (const std::string what = misuse(options); !what.empty()) {
    complain("forward: " + what);
    say("see shmring forward --help\n");
    return usage;
  }
  forward::Access access = options.access;
  access.inbox = options.host.empty() ? forward::archive_inbox : forward::inbox_of(options.host);
  std::string text;
  const std::unique_ptr<forward::Nats> nats = forward::open_nats(access, text);
  if (!nats) {
    complain("forward: " + safe(text));
    return configuration;
  }
  if (options.create) return create(options, *nats);
  return options.check ? check(options, *nats) : send(options, *nats);
}

void add_options(Command command, Options& options) {
  command.value("DIR", options.dirs, "Directories that shmringd --log writes to; each has a thread of its own");
  add_access(command, "--to", options.access);
  command.value("--host", options.host, "Name of this host in the archive; its certificate must permit it")
      .form("NAME")
      .check(check_name_of);
  command.value("--ring", options.ring, "Name of the ring in the archive (default: as the log has it)")
      .form("NAME")
      .check(check_name_of);
  command
      .value("--from", options.from,
             "If the archive lacks lines that are not here any more: go on with the file that has this line, and give up what "
             "is before it. The archive keeps a note of that")
      .form("INDEX")
      .check(whole_number(0));
  command.value("--metrics", options.metrics, "A file for Prometheus's collector of text files, written anew every 15 seconds")
      .form("FILE");
  const Option create =
      command.flag("--create-stream", options.create, "Make the streams of a fleet, with the rights of an administrator");
  command.flag("--check", options.check, "Check whether the streams lose nothing, and end").excludes(create);
  command
      .value("--replicas", options.replicas,
             "With --create-stream and --check: replicas of each stream; 1 is for a single node, whose disk is all there is "
             "until the archive has the lines")
      .choose({"1", "3", "5"});
  command.value("--max-bytes", options.max_bytes, "With --create-stream: what the stream of lines may take on each server")
      .form("SIZE")
      .check(check_size);
}

}  // namespace

void register_forward(Command program) {
  auto options = std::make_shared<Options>();
  Command command = program.add("forward", "Send logs to an archive on another machine, by NATS JetStream");
  add_options(command, *options);
  command.footer(
      "forward sends the lines that survive a power cut of this host, and goes on where the archive is. It keeps no position "
      "of "
      "its own, so it may be killed and started again at any moment. Producers and collector never wait for it.\n\n"
      "It runs until SIGTERM or SIGINT, and then ends what is in flight. What the servers refuse is said, and tried again. A "
      "log of which the archive lacks lines that are not here any more is stopped with a message; the others go on.\n\n"
      "Exit status: 0 ok, 1 --check has refused something, 2 usage, 4 refused by the servers, 5 a position that no file here "
      "has, 6 configuration, 7 I/O.\n\n"
      "Example: shmring forward /var/log/shmring/payments --to tls://nats-1:4222,tls://nats-2:4222 --host web-1 --cert c.pem "
      "--key k.pem --ca ca.pem");
  command.run([options] { return run(*options); });
}

}  // namespace shmring::tool
