// A segment's image, scribbled over before and while it is used: attach, dump, and a collector with restarts.
//
// Whatever it holds: nothing outside its arrays is touched, each pass ends, a refusal has its text, and the log verifies.
#include "lib/audit/inspect.hpp"
#include "tests/fuzz/collecting.hpp"
#include "tests/fuzz/ring_image.hpp"
#include "tools/shmring/commands.hpp"

namespace {

using namespace shmring;
using namespace shmring::fuzz;

const Place place;
const std::string original = make_image(place);

void dump(Input& input, const ring::Ring& ring) {
  static const std::vector<std::string> forms[] = {
      {"dump", "r"}, {"dump", "r", "-o", "json"}, {"dump", "r", "--lane", "0", "--hex", "--slots", "0-3"},
      {"dump", "r", "-o", "json", "--state", "ready"}};
  const u8 form = input.take<u8>();
  if (form % 8 < std::size(forms)) command(tool::register_dump, forms[form % 8]);
  os::Segment segment;
  std::vector<std::string> findings;
  if (os::open_readonly("r", segment, findings) != 0) return must(*os::last_error() != 0, "a refusal has a text");
  if (segment.ring.entries == nullptr) return must(!findings.empty(), "what cannot be believed is named");
  segment.ring = ring;
  audit::Inspection facts = audit::inspect(segment, findings, true);
  audit::inspect_slots(segment, {}, [](const audit::SlotFacts&) { return true; }, facts.findings);
}

void collect(Input& input, const ring::Ring& ring) {
  place.clear_log();
  Host host;
  Scribbler scribbler(ring, input);
  std::optional<Life<ring::HardwareMemory>> life;
  for (u32 passes = 2 + input.below(10); passes > 0; --passes) {
    const u8 how = input.take<u8>();
    if (how % 8 == 0) host.dead_pids = input.take<u32>();
    if (how % 4 == 1) life.reset();
    if (!life) life.emplace(ring, place.log(), host);
    life->pass(how % 4 != 2);
    for (u32 i = how / 32; i > 0 && !input.empty(); --i) scribbler.scribble();
  }
  life.reset();
  must_verify(place.log());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t bytes) {
  Input input(data, bytes);
  std::string image = original;
  ring::Ring view;
  must(view_of(image, view), "the image itself is valid");
  Scribbler scribbler(view, input);
  for (u32 i = input.below(16); i > 0 && !input.empty(); --i) scribbler.scribble();
  if (input.take<u8>() % 16 == 1) image.resize(image.size() - input.below(static_cast<u32>(image.size())));
  write_file(place.ring_file(), image);
  os::Segment segment;
  if (os::attach("r", segment) != 0) {
    must(*os::last_error() != 0, "a refusal has a text");
    ring::Ring none;
    image.resize(std::max(image.size(), sizeof(ring::Header)));
    if (view_of(image, none)) dump(input, SplitRing(none).ring);
    return 0;
  }
  must(segment.ring.geometry.size == image.size(), "what is attached has its size");
  const SplitRing split(segment.ring);
  dump(input, split.ring);
  collect(input, split.ring);
  return 0;
}
