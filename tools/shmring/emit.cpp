// shmring emit NAME: standard input into a ring, one line one event.
//
// Invariants:
//   - lines are written through the C ABI, as any application would; the segment is looked at once, for max_record;
//   - memory is bounded by max_record, however long a line is: of a longer one only as much is kept as the library
//     needs to count it as too big, or to cut it;
//   - what was read is written, also when a signal ends the reading; nothing is waited for but standard input.
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <memory>
#include <set>

#include "lib/audit/json.hpp"
#include "lib/include/shmring/shmring.h"
#include "lib/os/wakeup.hpp"
#include "tools/common/exit.hpp"
#include "tools/shmring/commands.hpp"
#include "tools/shmring/emit_fields.hpp"
#include "tools/shmring/text.hpp"

namespace shmring::tool {
namespace {

constexpr u64 attach_patience_ns = 1'000'000'000, attach_pause_ns = 20'000'000;
constexpr std::string_view line_key = "line";  // of the field that holds a line, with --field

struct Options {
  std::string name, type = "0", producer, lane = "auto";
  u32 severity = 0;
  bool truncate = false, create = false, json = false, no_input = false;
  std::vector<std::string> fields;
};

struct Type {
  u32 number = 0;
  std::string name;  // "": none given
};

// N, or N=NAME.
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
  return parse_type(text, type) ? "" : "'" + text + "' is no type: expected N or N=NAME, for instance 7=package";
}

std::string check_producer(const std::string& name) {
  return os::valid_name(name) ? "" : "'" + name + "' cannot name a producer: expected 1 to 63 of A-Z a-z 0-9 . _ -";
}

std::string check_field(const std::string& text) {
  FieldValue field;
  return parse_field(text, field);
}

// Each key once: else the log would have the record as invalid. "" or what is wrong.
std::string parse_fields(const Options& options, std::vector<FieldValue>& out) {
  std::set<std::string> keys;
  if (!options.no_input) keys.emplace(line_key);
  for (const std::string& text : options.fields) {
    parse_field(text, out.emplace_back());
    if (!keys.insert(out.back().key).second) return "the field '" + out.back().key + "' stands there twice";
  }
  return "";
}

// Standard input until its end or a signal. Signals are let in while it waits, and only then.
class Input {
 public:
  Input() {
    struct sigaction action {};
    action.sa_handler = [](int) { stopped_ = 1; };
    sigset_t ours;
    sigemptyset(&ours);
    for (const int signal : {SIGINT, SIGTERM}) {
      sigaddset(&ours, signal);
      os::calls.sigaction(signal, &action, nullptr);
    }
    os::calls.pthread_sigmask(SIG_BLOCK, &ours, &others_);
  }

  // Bytes read, 0 at the end, or −errno.
  ssize_t read(char* to, std::size_t bytes) {
    while (true) {
      pollfd poll{0, POLLIN, 0};
      const int ready = os::calls.ppoll(&poll, 1, nullptr, &others_);
      if (stopped_) return 0;
      if (ready < 0 && errno != EINTR) return -errno;
      if (ready <= 0) continue;
      const ssize_t got = os::calls.read(0, to, bytes);
      if (got >= 0) return got;
      if (errno != EAGAIN && errno != EINTR) return -errno;
    }
  }

 private:
  static inline volatile std::sig_atomic_t stopped_ = 0;
  sigset_t others_;
};

// Lines into events, as text, as JSON, or as a field behind `fields`.
class Emitter {
 public:
  Emitter(shmring_producer* producer, const shmring_meta& meta, std::size_t max_record,
          const std::vector<FieldValue>& fields)
      : producer_(producer), meta_(meta), most_(max_record + 1), fields_(fields) {
    if (meta.kind == SHMRING_KIND_FIELDS) encoded_.resize(max_record);
  }

  void feed(std::string_view bytes) {
    while (!bytes.empty() && !retired_) {
      const std::size_t end = bytes.find('\n');
      const std::string_view part = bytes.substr(0, end);
      line_.append(part.substr(0, most_ - line_.size()));
      open_ = end == bytes.npos;
      if (open_) return;
      write();
      bytes.remove_prefix(end + 1);
    }
  }

  // One event of the fields alone.
  void write_fields() {
    FieldEncoder encoder(encoded_);
    for (const FieldValue& field : fields_) add_to(encoder, field);
    write(encoder);
  }

  // A last line without a newline.
  void end() {
    if (open_ && !retired_) write();
  }

  bool retired() const { return retired_; }
  int error() const { return error_; }
  u64 lines() const { return lines_; }
  u64 refused() const { return full_ + too_big_ + timeout_; }
  u64 not_json() const { return not_json_; }
  u64 first_not_json() const { return first_not_json_; }  // a line's number, from 1

  std::string by_condition() const {
    std::string text;
    const auto add = [&text](const char* name, u64 count) {
      if (count != 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, count);
    };
    add("full", full_);
    add("timeout", timeout_);
    add("too big", too_big_);
    return text;
  }

 private:
  void write() {
    if (meta_.kind == SHMRING_KIND_FIELDS) {
      FieldEncoder encoder(encoded_);
      for (const FieldValue& field : fields_) add_to(encoder, field);
      write(encoder.add(line_key, line_));
    } else {
      if (meta_.kind == SHMRING_KIND_JSON) check_json();
      write(line_.data(), line_.size());
    }
    line_.clear();
    open_ = false;
  }

  // What did not fit is longer than a record may be: the library counts it, and reads nothing of it.
  void write(const FieldEncoder& encoder) {
    write(encoder.bytes().data(), encoder.fits() ? encoder.bytes().size() : most_);
  }

  void write(const void* payload, std::size_t bytes) {
    const int result = shmring_write(producer_, &meta_, payload, bytes);
    if (result == SHMRING_RETIRED) {
      retired_ = true;
      return;
    }
    ++lines_;
    full_ += result == SHMRING_FULL;
    too_big_ += result == SHMRING_TOO_BIG;
    timeout_ += result == SHMRING_TIMEOUT;
    if (result < 0) error_ = result;
  }

  // The collector looks again, and says so in the log: here it is for whoever wrote the line.
  void check_json() {
    canonical_.clear();
    if (line_.size() == most_ || audit::append_canonical(canonical_, line_)) return;
    if (++not_json_ == 1) first_not_json_ = lines_ + 1;
  }

  shmring_producer* producer_;
  shmring_meta meta_;
  std::size_t most_;
  const std::vector<FieldValue>& fields_;
  std::vector<std::byte> encoded_;  // room for a record of fields
  std::string line_, canonical_;
  bool open_ = false, retired_ = false;
  int error_ = 0;
  u64 lines_ = 0, full_ = 0, too_big_ = 0, timeout_ = 0, not_json_ = 0, first_not_json_ = 0;
};

int attach(const Options& options, shmring_producer*& producer) {
  shmring_create_options create{};
  create.struct_size = sizeof create;
  shmring_attach_options attach{};
  attach.struct_size = sizeof attach;
  attach.name = options.producer.empty() ? nullptr : options.producer.c_str();
  attach.lane = options.lane == "shared"      ? SHMRING_LANE_SHARED
                : options.lane == "exclusive" ? SHMRING_LANE_EXCLUSIVE
                                              : SHMRING_LANE_AUTO;
  attach.create = options.create ? &create : nullptr;
  const u64 deadline = os::monotonic_now_ns() + attach_patience_ns;
  while (true) {
    const int error = shmring_attach(options.name.c_str(), &attach, &producer);
    const bool may_pass = error == -EUSERS || error == -EBUSY;
    if (error == 0) return ok;
    if (!may_pass || os::monotonic_now_ns() >= deadline) {
      complain(shmring_last_error());
      return exit_of(error);
    }
    os::sleep_for(attach_pause_ns);
  }
}

int pump(Emitter& emitter) {
  Input input;
  const auto buffer = std::make_unique<char[]>(std::size_t{64} << 10);
  ssize_t got = 0;
  while (!emitter.retired() && (got = input.read(buffer.get(), std::size_t{64} << 10)) > 0)
    emitter.feed({buffer.get(), static_cast<std::size_t>(got)});
  emitter.end();
  if (got >= 0) return ok;
  complain(fmt::format("cannot read standard input: {}", std::strerror(static_cast<int>(-got))));
  return io;
}

int summarise(const Options& options, const Emitter& emitter) {
  if (emitter.error() != 0) {
    complain(fmt::format("ring {}: {}", options.name, shmring_strerror(emitter.error())));
    return exit_of(emitter.error());
  }
  if (emitter.retired())
    complain(
        fmt::format("ring {}: it was removed after {} lines: the rest was not written", options.name, emitter.lines()));
  if (emitter.refused() != 0)
    complain(
        fmt::format("ring {}: {} of {} lines refused ({}): the log counts them as lost; a full ring drains while "
                    "shmringd runs, --truncate cuts lines that do not fit",
                    options.name, emitter.refused(), emitter.lines(), emitter.by_condition()));
  if (emitter.not_json() != 0)
    complain(fmt::format("ring {}: {} of {} lines not JSON, line {} first: the log has them as text, marked invalid",
                         options.name, emitter.not_json(), emitter.lines(), emitter.first_not_json()));
  return emitter.retired() || emitter.refused() + emitter.not_json() != 0 ? negative : ok;
}

int run(const Options& options) {
  Type type;
  parse_type(options.type, type);
  std::vector<FieldValue> fields;
  if (const std::string problem = parse_fields(options, fields); !problem.empty()) {
    complain("emit: " + safe(problem));
    return usage;
  }
  shmring_producer* attached = nullptr;
  if (const int status = attach(options, attached)) return status;
  const std::unique_ptr<shmring_producer, void (*)(shmring_producer*)> producer(attached, shmring_detach);
  if (!type.name.empty()) {
    if (const int error = shmring_name_type(attached, type.number, type.name.c_str())) {
      complain(shmring_last_error());
      return configuration;
    }
  }
  os::Segment segment;
  std::vector<std::string> findings;
  if (const int status = look(options.name, segment, findings)) return status;
  shmring_meta meta{};
  meta.type = type.number;
  meta.kind = options.json ? SHMRING_KIND_JSON : fields.empty() ? SHMRING_KIND_TEXT : SHMRING_KIND_FIELDS;
  meta.severity = static_cast<ring::u8>(options.severity);
  meta.flags = options.truncate ? SHMRING_META_TRUNCATE : 0;
  Emitter emitter(attached, meta, segment.ring.geometry.max_record, fields);
  if (options.no_input) emitter.write_fields();
  const int status = options.no_input ? ok : pump(emitter);
  const int summary = summarise(options, emitter);
  return status != ok ? status : summary;
}

}  // namespace

void register_emit(CLI::App& app, int& status) {
  auto options = std::make_shared<Options>();
  CLI::App* const command = app.add_subcommand("emit", "Write standard input into a ring, one line one event");
  command->add_option("NAME", options->name, "The ring")->required()->check(check_ring_name);
  command
      ->add_option("--type", options->type,
                   "Type of the events: a number, which =NAME gives a name in the log, for ever")
      ->type_name("N[=NAME]")
      ->check(check_type);
  command->add_option("--producer", options->producer, "Name of the producer in the log (default: shmring)")
      ->type_name("NAME")
      ->check(check_producer);
  command->add_option("--severity", options->severity, "Severity of the events, 0 to 255 (default 0)")
      ->type_name("N")
      ->check(whole_number(0, 255));
  choose(command->add_option("--lane", options->lane, "auto: an exclusive lane if one is free, else the shared one"),
         {"auto", "shared", "exclusive"});
  const auto json = command->add_flag("--json", options->json, "Each line is JSON, which the log embeds");
  const auto field = command
                         ->add_option("--field", options->fields,
                                      "Events of fields: this one, again for more, and the input's line as \"line\"")
                         ->type_name("KEY[:TYPE]=VALUE")
                         ->allow_extra_args(false)
                         ->check(check_field)
                         ->excludes(json);
  command->add_flag("--no-input", options->no_input, "One event of the fields alone; standard input is not read")
      ->needs(field);
  command->add_flag("--truncate", options->truncate, "Cut lines that do not fit, instead of having them refused")
      ->excludes(json)
      ->excludes(field);
  command->add_flag("--create", options->create, "Create the ring with default sizes if it is absent");
  command->footer(
      "An empty line is an event of no bytes; a last line counts without its newline. SIGINT and SIGTERM end the "
      "reading:\n"
      "what was read is written. Refused lines are counted in the log as losses.\n"
      "TYPE is text (if none is given), int, uint, double, bool, time (RFC 3339, or now) or bytes (hex). A line that "
      "is\n"
      "not JSON is written too; the log has it as text, and says so.\n"
      "Exit status: 0 all written, 1 some refused or not JSON, 2 usage, 3 no such ring, 4 permission, 5 not a usable "
      "ring,\n"
      "6 the type has another name, 7 I/O, 8 no place free for a second.\n\n"
      "Example: tail -F /var/log/dpkg.log | shmring emit payments --producer dpkg --type 7=package\n"
      "         shmring emit payments --no-input --field user=alice --field amount:int=1250");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace shmring::tool
