// shmring top: rings, collectors and producers of this machine, on a screen that is kept open.
//
// Invariants:
//   - a ring that is damaged, forbidden or gone is a row that says so, and no end of the program;
//   - sample, model, frame: each stage takes values and gives values, and only the screen knows a terminal.
#include <charconv>
#include <memory>

#include "lib/os/clock.hpp"
#include "lib/os/map.hpp"
#include "lib/os/wakeup.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/say.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/commands.hpp"
#include "tools/shmring/top/draw.hpp"
#include "tools/shmring/top/screen.hpp"

namespace shmring::tool {
namespace {

constexpr std::size_t columns_of_text = 132;

struct Options {
  std::vector<std::string> names;
  double interval = 1;
  std::optional<u32> count;
};

std::string check_interval(const std::string& text) {
  double seconds = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool good = error == std::errc{} && end == text.data() + text.size() && seconds >= 0.1 && seconds <= 3600;
  return good ? "" : "'" + text + "' is not a number of seconds from 0.1 to 3600";
}

top::View view_of(const Options& options) {
  top::View view;
  view.interval_ns = static_cast<u64>(options.interval * 1e9);
  return view;
}

// Returns the exit status that `stat` would have of the first ring that cannot be shown.
int status_of(const top::Sample& sample) {
  if (sample.error != 0) {
    complain(safe(sample.problem));
    return exit_of(sample.error);
  }
  for (const top::RingSample& ring : sample.rings) {
    if (ring.error == 0 && ring.look.facts.findings.count == 0) continue;
    complain(safe(ring.error != 0 ? ring.problem : fmt::format("{}: {}", ring.name, ring.look.facts.findings.texts.front())));
    return ring.error != 0 ? exit_of(ring.error) : damaged;
  }
  return ok;
}

// Rates need two looks, so that there is an interval before each frame.
int run_text(const Options& options) {
  const top::View view = view_of(options);
  top::Sample sample = top::take_sample(options.names);
  top::Model model = top::next({}, sample);
  for (u64 left = options.count.value_or(1); left != 0; --left) {
    os::sleep_for(view.interval_ns);
    sample = top::take_sample(options.names);
    model = top::next(model, sample);
    const top::Frame frame = top::draw_whole(model, view, columns_of_text);
    for (std::size_t row = 0; row < frame.rows(); ++row) fmt::print("{}\n", frame.text(row));
    if (left != 1) fmt::print("\n");
    write_out();
  }
  const bool named = !options.names.empty();
  return sample.error != 0 || named ? status_of(sample) : ok;
}

int run_screen(const Options& options) {
  top::Screen screen;
  if (!screen.works()) {
    complain("top: this terminal ($TERM) is not known to ncurses; as text: shmring top | cat");
    return configuration;
  }
  top::View view = view_of(options);
  top::Model model;
  u64 due = 0, left = options.count.value_or(~u64{0});
  while (!view.ended && !screen.ended()) {
    const u64 now = os::monotonic_now_ns();
    if (now >= due || view.sample_now) {
      if (left-- == 0) break;
      model = top::next(model, top::take_sample(options.names));
      due = now + view.interval_ns;
    }
    const top::Frame frame = top::draw(model, view, screen.columns(), screen.rows());
    screen.show(frame, view.redraw_now);
    view.sample_now = view.redraw_now = false;
    const u64 before = os::monotonic_now_ns(), interval = view.interval_ns;
    const std::optional<int> key = screen.wait(due > before ? due - before : 0);
    const std::optional<top::Action> action = key ? top::action_of(*key) : std::nullopt;
    if (action) view = top::after(view, *action, model, frame.page);
    due += view.interval_ns - interval;
  }
  return screen.signal() == SIGINT ? interrupted : screen.signal() == SIGTERM ? terminated : ok;
}

int run(const Options& options) {
  os::read_zeros_where_truncated();
  return os::calls.isatty(0) == 1 && os::calls.isatty(1) == 1 ? run_screen(options) : run_text(options);
}

}  // namespace

void register_top(Command program) {
  auto options = std::make_shared<Options>();
  Command command = program.add("top", "Watch rings, collectors, logs and producers on the screen");
  command.value("NAME", options->names, "The rings (default: all)").check(check_ring_name);
  command.value("--interval", options->interval, "Seconds between two looks (default 1)").form("S").check(check_interval);
  command
      .value("-n,--count", options->count, "End after so many looks (default: never on a terminal, otherwise after one frame)")
      .form("N");
  std::string keys;
  for (const std::string& line : top::key_lines()) keys += "  " + line + "\n";
  command.footer(
      "D is how far the log survives a power cut, and D LAG the age of the oldest line beyond that. LOST of a ring is what its "
      "present collector has logged as lost, LOST of a producer what it has counted itself. A rate is `unknown` until it was "
      "measured, and `old` where it cannot be measured any more. What is gone stays for ten seconds, and says so. If standard "
      "input or output is no terminal, the same is printed as text.\n\n" +
      ("Keys:\n\n" + keys) +
      "\nExit status: 0 ok, also if a ring has a problem; 2 usage, 6 the terminal is not known, or SHMRING_DIR, 7 I/O; 130 and "
      "143 ended by SIGINT or SIGTERM. Printed as text, of a ring that was named: 3 no such ring, 4 permission, 5 damaged.\n\n"
      "Example: shmring top --interval 0.5 payments");
  command.run([options] { return run(*options); });
}

}  // namespace shmring::tool
