// A segment's image, scribbled over before and while it is used: validate, a collector with restarts, and now and then attach,
// dump and a log in files as well.
//
// Whatever it holds: nothing outside its arrays is touched, each pass ends, a refusal has its text, and the log keeps the
// promise. A geometry is accepted if and only if each of its values is in its bounds.
//
// An input: its first byte says what it is about; the scribbles follow.
#include "lib/inspect/inspect.hpp"
#include "tests/fuzz/collecting.hpp"
#include "tests/fuzz/ring_image.hpp"
#include "tools/shmring/commands.hpp"

namespace {

using namespace shmring;
using namespace shmring::fuzz;

constexpr u8 about_files = 255;  // a hundred times slower than the others
const Place place;
const std::string original = make_image(place);

void dump(Input& input, const ring::Ring& ring) {
  static const std::vector<std::string> forms[] = {{"dump", "r"},
                                                   {"dump", "r", "-o", "json"},
                                                   {"dump", "r", "--lane", "0", "--hex", "--slots", "0-3"},
                                                   {"dump", "r", "-o", "json", "--state", "ready"}};
  const u8 form = input.take<u8>();
  if (form % 8 < std::size(forms)) command(tool::register_dump, forms[form % 8]);
  os::Segment segment;
  std::vector<std::string> findings;
  if (os::open_readonly("r", segment, findings) != 0) return must(*os::last_error() != 0, "a refusal has a text");
  if (segment.ring.entries == nullptr) return must(!findings.empty(), "what cannot be believed is named");
  segment.ring = ring;
  inspect::Inspection facts = inspect::read_segment(segment, findings, true);
  inspect::read_slots(
      segment, {}, [](const inspect::SlotFacts&) { return true; }, facts.findings);
}

// `begin` makes a life. Over files without restarts, for the limit that collecting.hpp tells of.
template <class Life, class Begin>
void collect(Input& input, const ring::Ring& ring, Host& host, const Begin& begin) {
  constexpr bool restarts = !std::is_same_v<Life, FileLife>;
  Scribbler scribbler(ring, input);
  std::optional<Life> life;
  for (u32 passes = 2 + input.below(6); passes > 0; --passes) {
    const u8 how = input.take<u8>();
    if (how % 8 == 0) host.dead_pids = input.take<u32>();
    if (restarts && how % 4 == 1) life.reset();
    if (!life) begin(life);
    life->pass(how % 4 != 2);
    for (u32 i = how / 32; i > 0 && !input.empty(); --i) scribbler.scribble();
  }
}

void through_files(Input& input, std::string& image) {
  write_file(place.ring_file(), image);
  os::Segment segment;
  if (os::attach("r", segment) != 0) {
    must(*os::last_error() != 0, "a refusal has a text");
    ring::Ring none;
    image.resize(std::max(image.size(), sizeof(ring::Header)));
    if (view_of(image, none)) dump(input, SplitRing(none).ring);
    return;
  }
  must(segment.ring.geometry.size == image.size(), "what is attached has its size");
  const SplitRing split(segment.ring);
  dump(input, split.ring);
  place.clear_log();
  Host host;
  collect<FileLife>(input, split.ring, host, [&](auto& life) { life.emplace(split.ring, place.log(), host); });
  must_verify(place.log());
}

void in_memory(Input& input, std::string& image) {
  ring::Ring view;
  if (image.size() < sizeof(ring::Header) || !view_of(image, view)) return;
  must(view.geometry.size == image.size(), "what is accepted has its size");
  must(view.incarnation_base < u64{1} << 53, "what is accepted leaves room for incarnations");
  const SplitRing split(view);
  BoundedMemory::ring = split.ring;
  Host host;
  TextLog log;
  collect<Life<BoundedMemory>>(input, split.ring, host, [&](auto& life) { life.emplace(split.ring, log, host); });
}

// As the layout's document has it, written a second time.
bool is_in_bounds(const ring::Geometry& g) {
  const auto power_of_two = [](u64 value) { return (value & (value - 1)) == 0; };
  return g.slots >= 64 && g.slots <= 1u << 24 && power_of_two(g.slots) && g.slot_bytes >= 128 && g.slot_bytes <= 65536 &&
         power_of_two(g.slot_bytes) && g.lanes >= 1 && g.lanes <= 64 && g.producers >= 1 && g.producers <= 8190 &&
         g.max_record >= 1 && g.max_record <= u64{std::min(g.slots / 4, 65535u)} * (g.slot_bytes - 64) && g.on_full <= 3 &&
         g.flags <= 3 && g.clock <= 1;
}

// A header whose size and places agree with its geometry, but for one word.
void geometry(Input& input, bool all_agrees) {
  ring::Ring view;
  std::string header = original;
  must(view_of(header, view), "the image itself is valid");
  header.resize(sizeof(ring::Header));
  ring::Geometry g = view.geometry;
  u32* const values[] = {&g.slots, &g.slot_bytes, &g.lanes, &g.producers, &g.max_record, &g.on_full, &g.flags, &g.clock};
  for (u32 i = 1 + input.below(3); i > 0; --i) {
    u32& value = *values[input.below(std::size(values))];
    value = static_cast<u32>(input.value(value));
  }
  set_geometry(header, g);
  u64 bytes = ring::plan(g).size;
  bool agrees = true;
  if (!all_agrees) {
    constexpr std::size_t words[] = {offsetof(ring::Header, geometry) + offsetof(ring::Geometry, size),
                                     offsetof(ring::Header, entries), offsetof(ring::Header, lanes),
                                     offsetof(ring::Header, slots)};
    u64 word = bytes;
    const u32 which = input.below(std::size(words) + 1);
    if (which != 0) std::memcpy(&word, header.data() + words[which - 1], sizeof word);
    const u64 now = input.value(word);
    agrees = now == word;
    if (which != 0)
      std::memcpy(header.data() + words[which - 1], &now, sizeof now);
    else
      bytes = now;
  }
  alignas(ring::Header) std::byte copy[sizeof(ring::Header)];
  std::memcpy(copy, header.data(), sizeof copy);
  const bool accepted = !ring::validate(*reinterpret_cast<ring::Header*>(copy), bytes, nullptr, view);
  must(accepted == (agrees && is_in_bounds(g)), "a geometry is accepted if it is in its bounds, and only then");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t bytes) {
  Input input(data, bytes);
  const u8 about = input.take<u8>();
  if (about >= 192 && about != about_files) return geometry(input, about % 2 == 0), 0;
  std::string image = original;
  ring::Ring view;
  must(view_of(image, view), "the image itself is valid");
  Scribbler scribbler(view, input);
  for (u32 i = input.below(8); i > 0 && !input.empty(); --i) scribbler.scribble();
  if (about % 16 == 1) image.resize(image.size() - input.below(static_cast<u32>(image.size())));
  if (about == about_files) {
    through_files(input, image);
  } else {
    in_memory(input, image);
  }
  return 0;
}
