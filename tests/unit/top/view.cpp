// Keys, and where the cursor is after them.
#include "tools/shmring/top/view.hpp"

#include <doctest/doctest.h>

#include <set>

#include "tests/unit/top/samples.hpp"

using namespace shmring;
using namespace shmring::test;

namespace {

std::vector<inspect::ProducerFacts> some(const std::vector<u32>& lost) {
  std::vector<inspect::ProducerFacts> out;
  for (u32 entry = 0; entry < lost.size(); ++entry)
    out.push_back(producer(entry, std::string(1, static_cast<char>('a' + entry)), 1000, lost[entry]));
  return out;
}

std::string under(const Model& model, const View& view) {
  const std::vector<const Producer*> list = listed(model.rings[ring_under(model, view)], view.order);
  return list.empty() ? "" : list[line_under(list, view)]->name;
}

}  // namespace

TEST_CASE("each key does one thing, each action has a key and a text, and no other key does anything") {
  std::set<Action> actions;
  std::set<int> keys;
  for (const Binding& binding : bindings()) {
    CHECK(actions.insert(binding.action).second);
    CHECK(std::string(binding.text).ends_with("."));
  }
  CHECK(actions.size() == static_cast<std::size_t>(Action::quit) + 1);
  for (int key = 0; key <= key_back_tab; ++key)
    if (action_of(key)) keys.insert(key);
  CHECK(keys.size() == 30);
  CHECK(key_lines().size() == actions.size());
  CHECK(action_of('q') == Action::quit);
  CHECK(action_of(key_page_down) == Action::page_down);
  CHECK(action_of('f' & 0x1f) == Action::page_down);
  CHECK(action_of(' ') == Action::page_down);
  CHECK(action_of('-') == Action::shorter);
  CHECK(!action_of('z'));
  CHECK(!action_of(0));
}

TEST_CASE("the cursor moves by one and by a page, and stops at both ends") {
  const Model model = next({}, with(start_ns, some({9, 8, 7, 6, 5, 4})));
  View view;
  CHECK(under(model, view) == "a");
  for (const auto& [action, name] : std::vector<std::pair<Action, const char*>>{{Action::up, "a"},
                                                                                {Action::down, "b"},
                                                                                {Action::page_down, "e"},
                                                                                {Action::page_down, "f"},
                                                                                {Action::down, "f"},
                                                                                {Action::page_up, "c"},
                                                                                {Action::up, "b"},
                                                                                {Action::last, "f"},
                                                                                {Action::first, "a"},
                                                                                {Action::page_up, "a"}}) {
    view = after(view, action, model, 3);
    CHECK(under(model, view) == name);
  }
}

TEST_CASE("the cursor stays on its producer; at the top it stays at the top; if its producer is gone, on its line") {
  const Model model = next({}, with(start_ns, some({9, 8, 7})));
  const Model turned = next(model, with(start_ns + second, some({1, 2, 3})));
  const Model without = next({}, with(start_ns + second, some({9})));
  const View top, second_line = after(top, Action::down, model, 3), third = after(second_line, Action::down, model, 3);
  CHECK(under(turned, top) == "c");
  CHECK(under(turned, second_line) == "b");
  CHECK(under(turned, third) == "c");
  CHECK(under(without, third) == "a");
  CHECK(under(turned, after(third, Action::first, turned, 3)) == "c");
}

TEST_CASE("rings follow each other in a circle, each from its top") {
  const Model model =
      next({}, sample(start_ns, {test::ring("a", start_ns), test::ring("b", start_ns), test::ring("c", start_ns)}));
  View view;
  view.producer = 5;
  for (const auto& [action, name] : std::vector<std::pair<Action, const char*>>{
           {Action::next_ring, "b"}, {Action::next_ring, "c"}, {Action::next_ring, "a"}, {Action::previous_ring, "c"}}) {
    view = after(view, action, model, 3);
    CHECK(view.ring == name);
    CHECK(view.producer == 0);
  }
  view.ring = "gone";
  CHECK(ring_under(model, view) == 0);
}

TEST_CASE("without rings or producers each key is harmless") {
  const Model none = next({}, sample(start_ns, {})), empty = next({}, with(start_ns, {}));
  for (const Binding& binding : bindings())
    for (const Model* model : {&none, &empty}) CHECK(after({}, binding.action, *model, 0).producer == 0);
}

TEST_CASE("orders: by loss, by rate, by name") {
  auto first = some({1, 2, 0}), then = some({1, 2, 0});
  then[0].account.attempted += 5, then[2].account.attempted += 9;
  const Model model = next(next({}, with(start_ns, first)), with(start_ns + second, then));
  View view;
  CHECK(under(model, view) == "b");
  view = after(view, Action::order, model, 3);
  CHECK(order_name(view.order) == std::string("rate"));
  CHECK(under(model, view) == "c");
  view = after(view, Action::order, model, 3);
  CHECK(under(model, view) == "a");
  CHECK(after(view, Action::order, model, 3).order == Order::loss);
}

TEST_CASE("intervals get longer and shorter, between a tenth of a second and a minute") {
  View view;
  for (const u64 expected : {2000, 5000, 10'000, 30'000, 60'000, 60'000})
    CHECK((view = after(view, Action::longer, {}, 0)).interval_ns == expected * ms);
  view.interval_ns = 700 * ms;
  for (const u64 expected : {500, 200, 100, 100})
    CHECK((view = after(view, Action::shorter, {}, 0)).interval_ns == expected * ms);
}

TEST_CASE("what was asked for once is asked for once") {
  View view = after({}, Action::sample, {}, 0);
  CHECK(view.sample_now);
  view = after(view, Action::redraw, {}, 0);
  CHECK(!view.sample_now);
  CHECK(view.redraw_now);
  CHECK(after(view, Action::help, {}, 0).help);
  CHECK(!after(after(view, Action::help, {}, 0), Action::help, {}, 0).help);
  CHECK(after(view, Action::quit, {}, 0).ended);
}
