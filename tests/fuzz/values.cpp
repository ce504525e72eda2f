// Pure functions over bytes that nobody vouches for: payloads of each kind, JSON, fields, times, lines, options of emit.
//
// What is written is in canonical form, on one line, and is read back as what it was.
#include "lib/log/format/encoder.hpp"
#include "lib/log/format/fields.hpp"
#include "lib/log/format/json.hpp"
#include "lib/log/format/parse.hpp"
#include "lib/log/format/time.hpp"
#include "tests/fuzz/input.hpp"
#include "tools/shmring/emit_fields.hpp"

namespace {

using namespace shmring;
using namespace shmring::fuzz;

bool is_canonical(std::string_view text) {
  log::Scanner scanner(text);
  std::string_view raw;
  return scanner.value(raw) && scanner.at_end() && raw == text;
}

void json(std::string_view text) {
  std::string out = "before", again;
  const bool valid = log::append_canonical(out, text);
  must(valid || out == "before", "what is not JSON appends nothing");
  if (!valid) return;
  out.erase(0, 6);
  must(is_canonical(out), "canonical JSON is read back");
  must(log::append_canonical(again, out) && again == out, "canonical form is a fixed point");
}

void escaped(std::string_view text) {
  std::string out = "\"";
  log::append_escaped(out, text);
  must(is_canonical(out += '"'), "an escaped string is read back");
}

void fields(std::string_view payload) {
  std::string out = "before";
  const bool valid = log::append_fields(out, std::as_bytes(std::span(payload)));
  must(valid || out == "before", "what is not fields appends nothing");
  must(!valid || is_canonical(std::string_view(out).substr(6)), "fields become canonical JSON");
}

void event(Input& input) {
  log::Event event{};
  event.producer = "a", event.type_name = input.bytes(input.take<u8>() % 56);
  event.incarnation = input.take<u64>(), event.sequence = input.take<u64>(), event.position = input.take<u64>();
  event.time_ns = input.take<u64>(), event.kind = input.take<u8>() % 5, event.truncated = input.flip();
  const std::string_view payload = input.rest();
  event.payload = std::as_bytes(std::span(payload));
  std::string line;
  log::Encoder("r").encode(event, 3, line);
  must(line.find('\n') == line.size() - 1, "one event is one line");
  line.pop_back();
  log::Parsed parsed{};
  log::Mistake mistake{};
  must(log::parse(line, parsed, mistake), "an event's line is read back");
  must(parsed.incarnation == event.incarnation && parsed.first == event.sequence, "as what it was");
}

// What a line's text was read as, written again; nothing for events and notes, and for numbers that a line cannot have.
std::string again(const log::Parsed& p, u64 time) {
  constexpr u64 most = ~u32{0};
  std::string out;
  const auto write = [&](const log::Line& line) { log::Encoder(p.ring).encode({&line, 1}, p.index, out, p.ring_id); };
  switch (p.kind) {
    case log::Kind::loss:
      if (p.last >= p.first && p.count == p.last - p.first + 1)
        write(log::Loss{p.producer, p.incarnation, p.first, p.last, time, p.causes});
      break;
    case log::Kind::attach:
    case log::Kind::detach:
    case log::Kind::died: {
      if (p.pid > most || p.uid > most || p.lane > most || log::plain_prefix(p.exe) != p.exe.size()) break;
      if (p.kind == log::Kind::attach && log::plain_prefix(p.claimed) != p.claimed.size()) break;
      const bool attach = p.kind == log::Kind::attach;
      const log::Life closing = p.kind == log::Kind::died ? log::Life::died : log::Life::detach;
      write(log::LifeLine{attach ? log::Life::attach : closing, p.producer, p.incarnation, time, static_cast<u32>(p.pid),
                          static_cast<u32>(p.uid), static_cast<u32>(p.lane), p.exe, attach ? p.first : 0, attach ? 0 : p.last,
                          p.causes, p.nested, attach ? p.start_time : 0, attach ? p.claimed : std::string_view{}});
      break;
    }
    case log::Kind::accounts: {
      const log::Line accounts = log::Accounts{time, p.accounts, p.over, p.ring_id, p.retired, p.clean};
      log::Encoder(p.ring).encode(accounts, p.index, out);
      break;
    }
    case log::Kind::gone: write(log::Gone{p.producer, p.incarnation, p.last, time}); break;
    default: break;
  }
  return out;
}

void line(std::string_view text) {
  log::Parsed parsed{};
  log::Mistake mistake{};
  if (!log::parse(text, parsed, mistake)) return must(mistake.offset <= text.size(), "a mistake lies in its line");
  must(text.back() == '}', "nothing stands behind a line's end");
  must(log::plain_prefix(parsed.producer) == parsed.producer.size(), "a producer's name has no escape");
  const auto time = log::parse_time(parsed.time);
  if (!time || *time < 0 || log::plain_prefix(parsed.ring) != parsed.ring.size()) return;
  std::string written = again(parsed, static_cast<u64>(*time));
  if (written.empty()) return;
  written.resize(written.size() - 2);  // later versions may have added keys
  must(text.substr(0, written.size()) == written, "what a line was read as is what it says: " + written);
}

void option(std::string_view text) {
  tool::FieldValue field;
  if (!tool::parse_field(text, field).empty()) return;
  std::byte room[512];
  FieldEncoder encoder(room);
  tool::add_to(encoder, field);
  if (!encoder.fits()) return;
  std::string out;
  must(log::append_fields(out, encoder.bytes()) == log::valid_utf8(field.key), "a field of the command line is one");
  must(out.empty() || is_canonical(out), "in canonical form");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t bytes) {
  Input input(data, bytes);
  switch (input.take<u8>() % 8) {
    case 0: event(input); break;
    case 1: fields(input.rest()); break;
    case 2: option(input.rest()); break;
    case 3: escaped(input.rest()); break;
    case 4: line(input.rest()); break;
    case 5:
      if (const auto ns = log::parse_time(input.rest())) {
        const auto text = log::format_time(*ns);
        must(log::parse_time({text.data(), text.size()}) == *ns, "a time is read back");
      }
      break;
    default: json(input.rest());
  }
  return 0;
}
