// A log's files, arbitrary or a whole log with changes, some of them compressed, through verify, `shmring log`, recovery, and
// what a collector adds.
//
// What recovery refuses it leaves as it was. What verified before verifies after recovery and the lines behind it; and a log
// that verifies is not refused.
#include <sys/stat.h>
#include <zstd.h>

#include "lib/log/files/names.hpp"
#include "lib/log/files/zstd_source.hpp"
#include "lib/log/format/encoder.hpp"
#include "lib/log/format/parse.hpp"
#include "tests/fuzz/collecting.hpp"
#include "tests/fuzz/place.hpp"
#include "tools/shmring/commands.hpp"

namespace {

using namespace shmring;
using namespace shmring::fuzz;

const Place place;
constexpr u64 base = u64{1} << 22, noon = 1'700'000'000'000'000'000;

std::vector<log::Line> each_kind(u64 incarnation, std::string_view name) {
  static const std::string text = "a text with a \" and a \n in it", json = "{\"a\":[1,2.5e3,null]}";
  const auto bytes = [](const std::string& s) { return std::as_bytes(std::span(s)); };
  log::Causes causes, more;
  causes[log::Cause::full] = 2, causes[log::Cause::refused] = 1;
  more[log::Cause::died] = 1;
  log::Causes all = causes;
  all += more;
  log::Event event{name, incarnation, 1, 0, 5, noon, 7, "", SHMRING_KIND_TEXT, 3, {}, bytes(text), false, false};
  std::vector<log::Line> lines;
  lines.push_back(log::LifeLine{log::Life::attach, name, incarnation, noon, 12, 1000, 0, "/bin/app", 0, 0, {}, 0});
  lines.push_back(event);
  event.sequence = 2, event.type_name = "seven", event.kind = SHMRING_KIND_JSON, event.payload = bytes(json), event.late = true;
  event.correlation[3] = 9;
  lines.push_back(event);
  lines.push_back(log::Loss{name, incarnation, 3, 5, noon + 1, causes});
  lines.push_back(log::Note{"incident", noon, {{"what", "something"}, {"pos", "12", true}}});
  event.sequence = 6, event.kind = SHMRING_KIND_BYTES, event.truncated = true;
  lines.push_back(event);
  const u64 end = (incarnation - base) % 3;  // open, died, gone
  if (end == 0) return lines;
  lines.push_back(log::Loss{name, incarnation, 7, 7, noon + 1, more});
  if (end == 1)
    lines.push_back(log::LifeLine{log::Life::died, name, incarnation, noon, 12, 1000, 0, "/bin/app", 0, 7, all, 1});
  else
    lines.push_back(log::Gone{name, incarnation, 7, noon});
  return lines;
}

// Two files: the second begins with the accounts of the first.
std::vector<std::string> make_log() {
  std::string first, second;
  u64 index = 0;
  log::Encoder encoder("r");
  encoder.encode(log::Accounts{noon, {}}, index++, first);
  for (const auto& line : each_kind(base + 3, "a")) encoder.encode(line, index++, first);
  for (const auto& line : each_kind(base + 4, "b")) encoder.encode(line, index++, first);
  log::Causes lost;
  lost[log::Cause::full] = 2, lost[log::Cause::refused] = 1;
  log::Accounts accounts{noon, {{"a", base + 3, 6, true, lost}}};
  encoder.encode(accounts, index++, second);
  for (const auto& line : each_kind(base + 5, "c")) encoder.encode(line, index++, second);
  for (const auto& line : each_kind(base + 6, "d")) encoder.encode(line, index++, second);
  return {first, second};
}
const std::vector<std::string> whole = make_log();

std::vector<std::string_view> lines_of(const std::string& text) {
  std::vector<std::string_view> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1);
    lines.push_back(std::string_view(text).substr(at, end - at + 1));
    at = end + 1;
  }
  return lines;
}

// One change of one file.
void change(Input& input, std::string& text) {
  const std::vector<std::string_view> lines = lines_of(text);
  if (lines.empty()) return;
  const u8 how = input.take<u8>();
  const u32 number = input.below(static_cast<u32>(lines.size()));
  const std::string line(lines[number]), other(lines[input.below(static_cast<u32>(lines.size()))]);
  const auto at = static_cast<std::size_t>(lines[number].data() - text.data());
  const std::size_t in_line = at + input.below(static_cast<u32>(line.size()));
  switch (how % 8) {
    case 0: text.erase(at, line.size()); return;
    case 1: text.insert(at, other); return;
    case 2: text.replace(at, line.size(), other); return;
    case 3: text.resize(in_line); return;
    case 4: text.insert(at, input.bytes(40)); return;
    case 5: text[in_line] = static_cast<char>(input.take<u8>()); return;
    case 6: text.replace(in_line, std::min<std::size_t>(input.take<u8>() % 32, text.size() - in_line), input.bytes(24)); return;
    default: {  // a digit
      const std::size_t digit = text.find_first_of("0123456789", in_line);
      if (digit != text.npos) text[digit] = static_cast<char>('0' + input.take<u8>() % 10);
    }
  }
}

std::string contents() {
  std::string all;
  for (const std::string& name : names_in(place.log())) all += name + "\n" + read_file(place.log() + "/" + name);
  return all;
}

// A compressed file of two frames, perhaps with one byte changed.
std::string packed(Input& input, const std::string& text) {
  const std::size_t half = text.find('\n', text.size() / 2) + 1;
  log::SeekTable table;
  std::string out;
  for (const std::string_view frame : {std::string_view(text).substr(0, half), std::string_view(text).substr(half)}) {
    if (frame.empty()) continue;
    std::string room(ZSTD_compressBound(frame.size()), '\0');
    room.resize(ZSTD_compress(room.data(), room.size(), frame.data(), frame.size(), 1));
    table.frames.push_back({static_cast<log::u32>(room.size()), static_cast<log::u32>(frame.size())});
    out += room;
  }
  out += table.text();
  if (input.flip()) out[input.take<u16>() % out.size()] = static_cast<char>(input.take<u8>());
  if (input.flip()) out.resize(input.take<u16>() % out.size());
  return out;
}

void write_log(Input& input) {
  std::vector<std::string> files = whole;
  if (input.flip()) {
    files = {std::string(input.rest())};
  } else {
    for (u32 changes = input.below(6); changes > 0; --changes) change(input, files[input.flip()]);
    if (input.take<u8>() % 8 == 1) files.pop_back();
    if (input.take<u8>() % 16 == 1) files.push_back("");
  }
  ::mkdir(place.log().c_str(), 0777);
  u64 index = 0;
  for (const std::string& text : files) {
    // Recovery goes on in the last file that has a line, and cuts nothing from a compressed one.
    const bool pack = &text != &files.back() && files.back().find('\n') != std::string::npos && input.flip();
    const std::string path = place.log() + "/" + log::log_file_name(noon, index);
    write_file(path + (pack ? ".zst" : ""), pack ? packed(input, text) : text);
    index += static_cast<u64>(std::count(text.begin(), text.end(), '\n'));
  }
}

// What a collector does that finds none of the accounts in its ring.
bool go_on() {
  log::Appender files;
  log::Recovered recovered;
  collect::Ledger ledger(false);
  const std::string before = contents();
  if (files.open(place.log(), "r", {}, recovered) != 0) {
    must(*os::last_error() != 0, "a refusal has a text");
    must(contents() == before, "what recovery refuses it leaves as it was");
    return false;
  }
  ledger.recover(recovered.known());
  files.append(log::accounts_line(noon, ledger.accounts()));
  ledger.drop_absent([](u64 incarnation) { return incarnation == base + 3; }, noon);
  if (!ledger.lines().empty()) files.append(ledger.lines(), {});
  must(files.write() == 0, os::last_error());
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t bytes) {
  static const std::vector<std::string> forms[] = {
      {"log", place.log()}, {"log", place.log(), "-o", "json"}, {"log", place.log(), "-n", "3", "--kind", "event"}};
  Input input(data, bytes);
  place.clear_log();
  const u32 form = input.below(16);
  write_log(input);
  log::Verdict before;
  const bool readable = log::verify(place.log(), before) == 0;
  const bool proven = readable && before.proven && before.ring == "r";
  if (form < std::size(forms)) {  // not each time: it costs as much as the rest
    const int status = command(tool::register_log, forms[form]);
    must(!proven || status == 0, "a log that verifies is shown");
  }
  const bool opened = go_on();
  must(!proven || opened, std::string("a log that verifies is not refused: ") + os::last_error());
  if (proven) must_verify(place.log());
  return 0;
}
