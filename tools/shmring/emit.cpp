// shmring emit NAME: writes standard input into a ring, one event per line.
//
// Invariants:
//   - the command waits only for standard input, and for room in the ring if --wait or the ring's policy says so. A signal ends
//     both waits. What was read by then is written, as far as there is room.
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <set>

#include "lib/os/error.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/owner.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/commands.hpp"
#include "tools/shmring/emit_lines.hpp"
#include "tools/shmring/log_filter.hpp"

namespace shmring::tool {
namespace {

constexpr u64 attach_patience_ns = 1'000'000'000;
constexpr timespec attach_pause{0, 20'000'000};
constexpr const char* endless = "until-signal";  // the value of --wait if none is given

struct Options {
  std::string name, type = "0", producer, lane = "auto", correlation, wait, owner;
  u32 severity = 0;
  bool truncate = false, create = false, json = false, no_input = false;
  std::vector<std::string> fields;
};

struct Type {
  u32 number = 0;
  std::string name;  // "": none given
};

// Parses N, or N=NAME.
bool parse_type(std::string_view text, Type& type) {
  const std::size_t equals = text.find('=');
  const std::string_view digits = text.substr(0, equals);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), type.number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return false;
  if (equals == text.npos) return true;
  type.name = text.substr(equals + 1);
  return os::valid_name(type.name);
}

std::string check_type(const std::string& text) {
  Type type;
  return parse_type(text, type) ? "" : "'" + text + "' is not a type: expected N or N=NAME, for instance 7=package";
}

std::string check_producer(const std::string& name) {
  return os::valid_name(name) ? "" : "'" + name + "' cannot name a producer: expected 1 to 63 of A-Z a-z 0-9 . _ -";
}

std::string check_wait(const std::string& text) { return text == endless ? "" : whole_number(1, ~u32{0})(text); }

std::string check_field(const std::string& text) {
  FieldValue field;
  return parse_field(text, field);
}

// Accepts each key only once, since otherwise the record would be invalid. Returns "" or what is wrong.
std::string parse_fields(const Options& options, std::vector<FieldValue>& out) {
  std::set<std::string> keys;
  if (!options.no_input) keys.emplace(line_key);
  for (const std::string& text : options.fields) {
    parse_field(text, out.emplace_back());
    if (!keys.insert(out.back().key).second) return "the field '" + out.back().key + "' is given twice";
  }
  return "";
}

// Standard input until its end or a signal.
class Input {
 public:
  explicit Input(Signals& signals) : signals_(signals) {}

  // Returns the number of bytes read, 0 at the end, or −errno.
  ssize_t read(char* to, std::size_t bytes) {
    while (signals_.let_in() == 0) {
      pollfd poll{0, POLLIN, 0};
      const int ready = signals_.wait(&poll, 1, nullptr);
      if (ready < 0) return ready;
      if (ready == 0) continue;
      const ssize_t got = os::calls.read(0, to, bytes);
      if (got >= 0) return got;
      if (errno != EAGAIN && errno != EINTR) return -errno;
    }
    return 0;
  }

 private:
  Signals& signals_;
};

// Returns how long a write waits by the ring's own policy. This is 0 for a ring that does not exist yet, since the default
// policy is drop.
u32 policy_wait_us(const std::string& name) {
  os::Segment segment;
  std::vector<std::string> findings;
  if (os::open_readonly(name, segment, findings) != 0 || segment.ring.entries == nullptr) return 0;
  const ring::Geometry& geometry = segment.ring.geometry;
  return geometry.on_full >= static_cast<u32>(ring::OnFull::wait) ? geometry.wait_us : 0;
}

Patience patience_of(const Options& options) {
  if (options.wait == endless) return {true, 0};
  return {false, options.wait.empty() ? policy_wait_us(options.name) : static_cast<u32>(std::stoul(options.wait))};
}

int ended(int signal) { return signal == SIGINT ? interrupted : terminated; }

int attach(const Options& options, const Patience& patience, Signals& signals, shmring_producer*& producer) {
  shmring_create_options create{};
  create.struct_size = sizeof create;
  shmring_attach_options attach{};
  attach.struct_size = sizeof attach;
  attach.name = options.producer.empty() ? nullptr : options.producer.c_str();
  attach.lane = options.lane == "shared"      ? SHMRING_LANE_SHARED
                : options.lane == "exclusive" ? SHMRING_LANE_EXCLUSIVE
                                              : SHMRING_LANE_AUTO;
  attach.create = options.create ? &create : nullptr;
  attach.owner = or_null(options.owner);
  attach.wait_us = patience.inside_us();
  const u64 deadline = os::monotonic_now_ns() + attach_patience_ns;
  while (true) {
    const int error = shmring_attach(options.name.c_str(), &attach, &producer);
    const bool may_pass = error == -EUSERS || error == -EBUSY;
    if (error == 0) return ok;
    if (!may_pass || os::monotonic_now_ns() >= deadline) {
      complain(shmring_last_error());
      return exit_of(error);
    }
    signals.wait(nullptr, 0, &attach_pause);
    if (signals.caught() != 0) return ended(signals.caught());
  }
}

// Maps the handle's own ring for reading. A ring that was created under the same name since is an error.
int look_at_own(const std::string& name, const shmring_producer* producer, os::Segment& segment) {
  std::vector<std::string> findings;
  if (const int status = look(name, segment, findings)) return status;
  std::uint8_t identity[sizeof(ring::RingId)];
  const bool known = shmring_ring_id(producer, identity) == 0 && segment.ring.entries != nullptr;
  if (known && std::memcmp(identity, &segment.ring.identity, sizeof identity) == 0) return ok;
  complain(fmt::format("ring {}: it was just created anew: try again", name));
  return busy;
}

int pump(Emitter& emitter, Signals& signals) {
  Input input(signals);
  const auto buffer = std::make_unique<char[]>(std::size_t{64} << 10);
  ssize_t got = 0;
  while (!emitter.is_over() && (got = input.read(buffer.get(), std::size_t{64} << 10)) > 0)
    emitter.feed({buffer.get(), static_cast<std::size_t>(got)});
  emitter.end();
  if (got >= 0) return ok;
  complain(fmt::format("cannot read standard input: {}", std::strerror(static_cast<int>(-got))));
  return io;
}

void say_ended(const Options& options, const Emitter& emitter, int signal) {
  const u64 left = emitter.unwritten();
  complain(fmt::format("ring {}: ended by {}: {} lines written, {} refused{}", options.name,
                       signal == SIGINT ? "SIGINT" : "SIGTERM", emitter.lines() - emitter.refused(), emitter.refused(),
                       left != 0 ? fmt::format("; of the lines read, {} were not written, as the ring is full", left) : ""));
}

int summarise(const Options& options, const Emitter& emitter, int signal) {
  if (emitter.error() != 0) {
    complain(fmt::format("ring {}: {}", options.name, shmring_strerror(emitter.error())));
    return exit_of(emitter.error());
  }
  if (emitter.retired())
    complain(fmt::format("ring {}: it was removed after {} lines: the rest was not written", options.name, emitter.lines()));
  if (emitter.refused() != 0)
    complain(
        fmt::format("ring {}: {} of {} lines refused ({}): the log counts them as lost; a full ring drains while shmringd "
                    "runs: --wait waits for that; --truncate cuts lines that do not fit",
                    options.name, emitter.refused(), emitter.lines(), emitter.by_condition()));
  if (emitter.not_json() != 0)
    complain(fmt::format("ring {}: {} of {} lines are not JSON (first line {}): the log has them as text, marked invalid",
                         options.name, emitter.not_json(), emitter.lines(), emitter.first_not_json()));
  if (signal != 0) {
    say_ended(options, emitter, signal);
    return ended(signal);
  }
  return emitter.retired() || emitter.refused() + emitter.not_json() != 0 ? negative : ok;
}

shmring_meta meta_of(const Options& options, u32 type) {
  shmring_meta meta{};
  meta.type = type;
  meta.kind = options.json ? SHMRING_KIND_JSON : options.fields.empty() ? SHMRING_KIND_TEXT : SHMRING_KIND_FIELDS;
  meta.severity = static_cast<ring::u8>(options.severity);
  meta.flags = options.truncate ? SHMRING_META_TRUNCATE : 0;
  for (std::size_t i = 0; i < options.correlation.size() / 2; ++i)
    std::from_chars(&options.correlation[2 * i], &options.correlation[2 * i] + 2, meta.correlation[i], 16);
  return meta;
}

int run(const Options& options) {
  Type type;
  parse_type(options.type, type);
  std::vector<FieldValue> fields;
  if (const std::string problem = parse_fields(options, fields); !problem.empty()) {
    complain("emit: " + safe(problem));
    return usage;
  }
  Signals signals;
  const Patience patience = patience_of(options);
  shmring_producer* attached = nullptr;
  if (const int status = attach(options, patience, signals, attached)) return status;
  const std::unique_ptr<shmring_producer, void (*)(shmring_producer*)> producer(attached, shmring_detach);
  if (!type.name.empty()) {
    if (const int error = shmring_name_type(attached, type.number, type.name.c_str())) {
      complain(shmring_last_error());
      return configuration;
    }
  }
  os::Segment segment;
  if (const int status = look_at_own(options.name, attached, segment)) return status;
  Lane lane(segment, attached, patience, signals);
  Emitter emitter(attached, meta_of(options, type.number), segment.ring.geometry.max_record, fields, lane);
  if (options.no_input) emitter.write_fields();
  const int status = options.no_input ? ok : pump(emitter, signals);
  const int summary = summarise(options, emitter, signals.caught());
  return status != ok ? status : summary;
}

}  // namespace

void register_emit(Command program) {
  auto options = std::make_shared<Options>();
  Command command = program.add("emit", "Write each line of standard input into a ring as one event");
  command.value("NAME", options->name, "The ring").required().check(check_ring_name);
  command
      .value("--type", options->type,
             "Type of the events: a number; =NAME is its name in the log, which cannot be changed later")
      .form("N[=NAME]")
      .check(check_type);
  command.value("--producer", options->producer, "Name of the producer in the log (default: shmring)")
      .form("NAME")
      .check(check_producer);
  command.value("--severity", options->severity, "Severity of the events, 0 to 255 (default 0)")
      .form("N")
      .check(whole_number(0, 255));
  command.value("--corr", options->correlation, "Correlation id of the events, for instance a W3C trace id")
      .form("HEX")
      .transform(to_correlation);
  command.value("--lane", options->lane, "auto (the default): an exclusive lane if one is free, else the shared one")
      .choose({"auto", "shared", "exclusive"});
  const auto json = command.flag("--json", options->json, "Take each line as JSON, which the log embeds");
  const auto field =
      command
          .value("--field", options->fields,
                 "Write events of typed fields: this one (repeat the option for more), and the line of input as \"line\"")
          .form("KEY[:TYPE]=VALUE")
          .one_each_time()
          .check(check_field)
          .excludes(json);
  command.flag("--no-input", options->no_input, "Write one event of the fields alone; do not read standard input").needs(field);
  command.flag("--truncate", options->truncate, "Cut lines that do not fit, instead of having them refused")
      .excludes(json)
      .excludes(field);
  command.flag("--create", options->create, "Create the ring with default sizes if it is absent");
  add_owner_option(command, options->owner);
  command
      .flag("--wait", options->wait, endless,
            "Wait while the ring is full, however long it takes, so that no line is refused for lack of room. With =US "
            "each line waits at most that many microseconds, and is then refused")
      .form_of_flag("[=US]")
      .check(check_wait);
  command.footer(
      "An empty line is an event of no bytes; the last line needs no newline. The log counts refused lines as losses. Without "
      "--wait, the ring's policy decides what happens to a line if the ring is full; by default it is refused. On SIGINT or "
      "SIGTERM, emit stops reading and waiting. It writes the lines that it has already read, as far as there is room, and "
      "says "
      "how many were written and how many refused.\n\n"
      "TYPE is text (the default), int, uint, double, bool, time (RFC 3339, or now) or bytes (hex). With --json, a line that "
      "is not JSON is written, too; the log has it as text, marked invalid.\n"
      "Exit status: 0 all written, 1 some refused or not JSON, or the ring was removed, 2 usage, 3 no such ring, 4 permission, "
      "5 not a usable ring, 6 the type has another name, 7 I/O, 8 no place became free within a second; 130 ended by SIGINT, "
      "143 by SIGTERM.\n\n"
      "Example: shmring emit payments --wait < events.txt\n"
      "         tail -F /var/log/dpkg.log | shmring emit payments --producer dpkg --type 7=package\n"
      "         shmring emit payments --no-input --field user=alice --field amount:int=1250");
  command.run([options] { return run(*options); });
}

}  // namespace shmring::tool
