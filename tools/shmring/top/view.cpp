// Keys, cursor and choices: see view.hpp.
#include "tools/shmring/top/view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace shmring::tool::top {
namespace {

constexpr Binding table[] = {
    {Action::up, "UP k", "The producer above.", "move"},
    {Action::down, "DOWN j", "The producer below.", ""},
    {Action::page_up, "PAGEUP b CTRL-B", "One page up.", ""},
    {Action::page_down, "PAGEDOWN SPACE f CTRL-F", "One page down.", ""},
    {Action::first, "HOME g", "The first producer, whichever it is.", ""},
    {Action::last, "END G", "The last producer.", ""},
    {Action::next_ring, "RIGHT TAB", "The next ring.", "ring"},
    {Action::previous_ring, "LEFT BACKTAB", "The ring before.", ""},
    {Action::order, "s", "Order producers by loss, by rate, or by name.", "order"},
    {Action::scale, "e", "Scale numbers, or show all of their digits.", "scale"},
    {Action::more, "v", "Show remedies, and unused lanes, or leave them out.", "more"},
    {Action::longer, "+", "A longer interval.", "interval"},
    {Action::shorter, "-", "A shorter interval.", ""},
    {Action::sample, "r CTRL-T", "Look at the rings now.", ""},
    {Action::redraw, "CTRL-L", "Draw the whole screen again.", ""},
    {Action::help, "h ?", "Show this help, or leave it.", "help"},
    {Action::quit, "q", "Quit.", "quit"},
};

constexpr struct {
  const char* name;
  int key;
} names[] = {{"UP", key_up},          {"DOWN", key_down},          {"LEFT", key_left}, {"RIGHT", key_right},
             {"PAGEUP", key_page_up}, {"PAGEDOWN", key_page_down}, {"HOME", key_home}, {"END", key_end},
             {"TAB", '\t'},           {"BACKTAB", key_back_tab},   {"SPACE", ' '}};

constexpr u64 intervals_ms[] = {100, 200, 500, 1000, 2000, 5000, 10'000, 30'000, 60'000};
constexpr u64 ms = 1'000'000;

int key_of(std::string_view name) {
  if (name.size() == 1) return name[0];
  if (name.starts_with("CTRL-")) return name[5] & 0x1f;
  return std::ranges::find(names, name, [](const auto& one) { return std::string_view(one.name); })->key;
}

template <class Each>
void each_key(const char* keys, Each each) {
  for (std::string_view rest = keys; !rest.empty();) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    each(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

View on_line(View view, const std::vector<const Producer*>& list, std::size_t line) {
  view.line = list.empty() ? 0 : std::min(line, list.size() - 1);
  view.producer = list.empty() ? 0 : list[view.line]->incarnation;
  return view;
}

View on_ring(View view, const Model& model, std::size_t step) {
  if (model.rings.empty()) return view;
  view.ring = model.rings[(ring_under(model, view) + step) % model.rings.size()].name;
  view.producer = view.line = 0;
  return view;
}

u64 longer(u64 interval_ns) {
  for (const u64 one : intervals_ms)
    if (one * ms > interval_ns) return one * ms;
  return interval_ns;
}

u64 shorter(u64 interval_ns) {
  u64 out = interval_ns;
  for (const u64 one : intervals_ms)
    if (one * ms < interval_ns) out = one * ms;
  return out;
}

View moved(View view, Action action, const Model& model, std::size_t page) {
  if (model.rings.empty()) return view;
  const std::vector<const Producer*> list = listed(model.rings[ring_under(model, view)], view.order);
  const std::size_t line = line_under(list, view), step = std::max<std::size_t>(page, 1);
  switch (action) {
    case Action::up: return on_line(view, list, line - std::min<std::size_t>(line, 1));
    case Action::down: return on_line(view, list, line + 1);
    case Action::page_up: return on_line(view, list, line - std::min(line, step));
    case Action::page_down: return on_line(view, list, line + step);
    case Action::last: return on_line(view, list, list.size());
    default: view.producer = view.line = 0; return view;
  }
}

}  // namespace

std::span<const Binding> bindings() { return table; }

std::optional<Action> action_of(int key) {
  for (const Binding& binding : table) {
    bool found = false;
    each_key(binding.keys, [&](std::string_view name) { found = found || key_of(name) == key; });
    if (found) return binding.action;
  }
  return std::nullopt;
}

std::vector<std::string> key_lines() {
  std::vector<std::string> out;
  for (const Binding& binding : table) {
    std::string keys;
    each_key(binding.keys, [&](std::string_view name) { keys += (keys.empty() ? "" : ", ") + std::string(name); });
    out.push_back(fmt::format("{:<28}{}", keys, binding.text));
  }
  return out;
}

const char* order_name(Order order) {
  constexpr const char* orders[] = {"loss", "rate", "name"};
  return orders[static_cast<std::size_t>(order)];
}

std::size_t ring_under(const Model& model, const View& view) {
  const auto found = std::ranges::find(model.rings, view.ring, &Ring::name);
  return found == model.rings.end() ? 0 : static_cast<std::size_t>(found - model.rings.begin());
}

std::vector<const Producer*> listed(const Ring& ring, Order order) {
  std::vector<const Producer*> out;
  for (const Producer& producer : ring.producers) out.push_back(&producer);
  if (order == Order::rate)
    std::ranges::stable_sort(out, std::greater<>(), [](const Producer* one) { return one->attempts.per_second; });
  if (order == Order::name) std::ranges::stable_sort(out, {}, &Producer::name);
  return out;
}

std::size_t line_under(const std::vector<const Producer*>& list, const View& view) {
  if (view.producer == 0 || list.empty()) return 0;
  const auto found = std::ranges::find(list, view.producer, &Producer::incarnation);
  return found != list.end() ? static_cast<std::size_t>(found - list.begin()) : std::min(view.line, list.size() - 1);
}

View after(View view, Action action, const Model& model, std::size_t page) {
  view.sample_now = view.redraw_now = false;
  switch (action) {
    case Action::next_ring: return on_ring(view, model, 1);
    case Action::previous_ring: return on_ring(view, model, model.rings.size() - 1);
    case Action::order: view.order = Order{static_cast<ring::u8>((static_cast<ring::u8>(view.order) + 1) % 3)}; break;
    case Action::scale: view.scaled = !view.scaled; break;
    case Action::more: view.more = !view.more; break;
    case Action::longer: view.interval_ns = longer(view.interval_ns); break;
    case Action::shorter: view.interval_ns = shorter(view.interval_ns); break;
    case Action::sample: view.sample_now = true; break;
    case Action::redraw: view.redraw_now = true; break;
    case Action::help: view.help = !view.help; break;
    case Action::quit: view.ended = true; break;
    default: return moved(view, action, model, page);
  }
  return view;
}

}  // namespace shmring::tool::top
