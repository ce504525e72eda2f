// `shmring emit`: options and standard input, into a ring that a collector drains.
//
// Each line is one attempt: an event with these bytes, or, if it is longer than a record may be, a loss or a cut event.
#include <sys/mman.h>

#include "lib/log/files/cursor.hpp"
#include "lib/log/format/encoder.hpp"
#include "lib/log/format/parse.hpp"
#include "lib/os/segment.hpp"
#include "tests/fuzz/collecting.hpp"
#include "tests/fuzz/place.hpp"
#include "tools/shmring/commands.hpp"

namespace {

using namespace shmring;
using namespace shmring::fuzz;

const Place place;
constexpr std::size_t max_record = 1000;

// A ring with room for all lines that an input here can have.
void create_ring() {
  shmring_create_options create{};
  create.struct_size = sizeof create, create.slots = 8192, create.slot_bytes = 256, create.lanes = 2;
  create.max_record = max_record;
  must(shmring_create("r", &create) == 0, shmring_last_error());
}

int emit(std::vector<std::string> words, std::string_view text) {
  const int pipe = ::memfd_create("input", MFD_CLOEXEC);
  must(::write(pipe, text.data(), text.size()) == static_cast<ssize_t>(text.size()), "standard input");
  ::lseek(pipe, 0, SEEK_SET);
  ::dup2(pipe, 0);
  ::close(pipe);
  return command(tool::register_emit, std::move(words));
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return lines;
}

// The log's events and losses against the lines, in order.
void compare(const std::vector<std::string>& lines, ring::u8 kind, bool cut) {
  log::Cursor log;
  must(log.open(place.log()) == 0, os::last_error());
  log::LogLine line;
  u64 next = 1;
  while (log.next(line) == 1) {
    log::Parsed parsed{};
    log::Mistake mistake{};
    must(log::parse(line.text, parsed, mistake), "the log's lines parse");
    if (parsed.kind != log::Kind::event && parsed.kind != log::Kind::loss) continue;
    must(parsed.first == next && parsed.last <= lines.size(), "one attempt a line");
    for (; next <= parsed.last; ++next) {
      const std::string& text = lines[next - 1];
      must((text.size() > max_record && !cut) == (parsed.kind == log::Kind::loss), "only what is too long is lost");
      if (parsed.kind == log::Kind::loss || text.size() > max_record) continue;
      std::string data;
      log::append_data(data, kind, std::as_bytes(std::span(text)));
      must(data == parsed.data, "the event has the line's bytes");
    }
  }
  must(next == lines.size() + 1, "each line was attempted");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t bytes) {
  static bool created = (create_ring(), true);
  (void)created;
  Input input(data, bytes);
  const u8 how = input.take<u8>();
  std::vector<std::string> words{"emit", "r", "--producer", "fuzz"};
  if (how & 1) words.push_back("--json");
  if (how & 2) words.push_back("--truncate");
  if (how & 4) words.insert(words.end(), {"--lane", how & 8 ? "shared" : "exclusive"});
  if (how & 16) words.insert(words.end(), {"--type", std::string(input.bytes(input.take<u8>() % 16))});
  for (u8 i = how / 64; i > 0; --i) words.insert(words.end(), {"--field", std::string(input.bytes(input.take<u8>() % 40))});
  std::string text(input.rest());
  if (how & 32) text += std::string(input.take<u8>() % 4 + 998u, 'l');  // about as long as a record may be
  const int status = emit(words, text);
  os::Segment segment;
  must(os::attach("r", segment) == 0, os::last_error());
  place.clear_log();
  Host host;
  host.dead_pids = ~u32{0};  // it has left anyway
  {
    FileLife life(segment.ring, place.log(), host);
    for (int i = 0; i < 10; ++i) life.pass(true);
  }
  const log::Verdict verdict = must_verify(place.log());
  must(verdict.open == 0 && verdict.closed <= 1, "it has left");
  if (status == 0 || status == 1) {
    if (how < 64) compare(lines_of(text), how & 1 ? SHMRING_KIND_JSON : SHMRING_KIND_TEXT, (how & 2) != 0);
  } else {
    must(verdict.events == 0, "who was refused wrote nothing");
  }
  return 0;
}
