// shmring receive: keeps the archive of many hosts' logs, or says how it stands.
#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <mutex>

#include "lib/os/calls.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/say.hpp"
#include "tools/common/text.hpp"
#include "tools/forward/access.hpp"
#include "tools/forward/commands.hpp"
#include "tools/forward/figures.hpp"
#include "tools/forward/nats.hpp"
#include "tools/forward/service.hpp"
#include "tools/forward/status.hpp"

namespace shmring::tool {
namespace {

struct Options {
  forward::Access access;
  std::string into, metrics;
  StatusRequest status;
};

// The receiver in its stage, and what others see of it.
class Keeping {
 public:
  Keeping(const std::string& root, std::unique_ptr<fleet::ReceivingEngine> engine)
      : engine_(std::move(engine)), receiver_({.root = root}, *engine_) {}

  int open() { return receiver_.open(); }
  Stepped step(u64 now_ns) {
    Stepped out;
    out.next_ns = receiver_.step(now_ns);
    out.said = receiver_.take_said();
    copy();
    return out;
  }
  // At the end, when the stage is over.
  std::vector<fleet::Said> commit(u64 now_ns) {
    receiver_.commit(now_ns);
    copy();
    return receiver_.take_said();
  }
  ReceiverFacts snapshot() const {
    const std::scoped_lock lock(mutex_);
    return facts_;
  }

 private:
  // A thousand logs are copied within a millisecond; once a second is enough.
  void copy() {
    const u64 now_ns = os::monotonic_now_ns();
    if (now_ns - copied_ns_ < 1'000'000'000) return;
    copied_ns_ = now_ns;
    const std::scoped_lock lock(mutex_);
    facts_ = {receiver_.status(), receiver_.logs(), begun_ns_};
  }

  std::unique_ptr<fleet::ReceivingEngine> engine_;
  fleet::Receiver receiver_;
  u64 begun_ns_ = os::monotonic_now_ns(), copied_ns_ = 0;
  mutable std::mutex mutex_;
  ReceiverFacts facts_;
};

std::string summary_of(const ReceiverFacts& facts, const forward::Nats& nats) {
  if (!facts.status.trouble.empty()) return "Nothing is received: " + safe(facts.status.trouble);
  const std::string server = nats.connected_to();
  return fmt::format("{} logs are in the archive, {}.", facts.logs.size(),
                     server.empty() ? "and no server is connected" : "from " + safe(server));
}

int receive(const Options& options, forward::Nats& nats) {
  Keeping keeping(options.into, nats.receiving());
  Service service({"receive", options.metrics, [&](u64 now_ns) { return receive_figures(keeping.snapshot(), now_ns); },
                   [&] { return summary_of(keeping.snapshot(), nats); }});
  int error = service.begin();
  if (error == 0) error = keeping.open();
  if (error != 0) {
    complain(fmt::format("receive: {}", safe(os::last_error())));
    return exit_of(error);
  }
  Stage stage;
  if (error = stage.begin([&](u64 now_ns) { return keeping.step(now_ns); }); error != 0) {
    complain(fmt::format("receive: cannot begin a thread: {}", std::strerror(-error)));
    return io;
  }
  const int status = service.run({&stage});
  for (const fleet::Said& said : keeping.commit(os::monotonic_now_ns())) service.say(said);
  return status;
}

std::string misuse(const Options& options) {
  if (!options.status.root.empty()) return options.into.empty() ? "" : "--status looks at the archive alone: leave --into out";
  if (options.into.empty()) return "--into is required: the directory of the archive";
  return misuse_of(options.access, "--from");
}

int run(Options& options) {
  if (const std::string what = misuse(options); !what.empty()) {
    complain("receive: " + what);
    say("see shmring receive --help\n");
    return usage;
  }
  std::unique_ptr<forward::Nats> nats;
  options.access.inbox = forward::archive_inbox;
  if (std::string text; !options.access.servers.empty() && !(nats = forward::open_nats(options.access, text))) {
    complain("receive: " + safe(text));
    return configuration;
  }
  if (options.status.root.empty()) return receive(options, *nats);
  const std::unique_ptr<fleet::PublishingEngine> engine = nats ? nats->publishing() : nullptr;
  return show_status(options.status, engine.get());
}

}  // namespace

void register_receive(Command program) {
  auto options = std::make_shared<Options>();
  Command command = program.add("receive", "Keep the archive of many hosts' logs, by NATS JetStream");
  add_access(command, "--from", options->access);
  command
      .value("--into", options->into,
             "Directory of the archive, which exists: files are ROOT/HOST/RING/LOG/FILE, as each host has them")
      .form("ROOT");
  command.value("--metrics", options->metrics, "A file for Prometheus's collector of text files, written anew every 15 seconds")
      .form("FILE");
  command
      .value("--status", options->status.root,
             "Print how each log of this archive stands, and end; with --from also how many lines the servers have that the "
             "archive does not have yet. A log that was silent for 5 minutes is an alarm")
      .form("ROOT");
  command.flag("--no-verdict", options->status.no_verdict,
               "With --status: do not read the logs, which takes as long as shmring verify");
  command.value("-o,--output", options->status.output, "With --status: the form").choose({"text", "json"});
  command.footer(
      "receive takes what the hosts send, and writes each byte once. What it has synced it acknowledges, and only then hosts "
      "may remove their files. It may be killed and started again at any moment; one archive has one receiver.\n\n"
      "It runs until SIGTERM or SIGINT, and then commits what it has.\n\n"
      "Exit status: 0 ok, 1 --status has found an alarm, 2 usage, 3 no such archive, 4 permission, 5 a damaged archive, 6 "
      "configuration, 7 I/O, 8 another receiver has the archive.\n\n"
      "Example: shmring receive --into /var/lib/shmring-archive --from tls://nats-1:4222,tls://nats-2:4222 --cert c.pem --key "
      "k.pem --ca ca.pem");
  command.run([options] { return run(*options); });
}

}  // namespace shmring::tool
