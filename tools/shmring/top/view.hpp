// shmring top: what the person at the keyboard has chosen, and the one table of keys, from which come the handling of keys, the
// help on the screen, the command's help and the manual page.
//
// Invariants: a view depends only on its arguments; the cursor stays on its producer, wherever that moves to, and at the top it
// stays at the top.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tools/shmring/top/model.hpp"

namespace shmring::tool::top {

// A key is the character that it types, or one of these.
enum Key : int { key_up = 256, key_down, key_left, key_right, key_page_up, key_page_down, key_home, key_end, key_back_tab };

enum class Action : ring::u8 {
  up,
  down,
  page_up,
  page_down,
  first,
  last,
  next_ring,
  previous_ring,
  order,
  scale,
  more,
  longer,
  shorter,
  sample,
  redraw,
  help,
  quit
};

struct Binding {
  Action action;
  const char* keys;  // their names, separated by spaces: a character, or a name that the table of names has
  const char* text;  // what they do
  const char* hint;  // the same in a word, for the last line of the screen; "": not there
};
std::span<const Binding> bindings();

// Returns what the key does, or nothing.
std::optional<Action> action_of(int key);

// Returns a line for each binding: its keys on the left.
std::vector<std::string> key_lines();

enum class Order : ring::u8 { loss, rate, name };
const char* order_name(Order order);

struct View {
  std::string ring;      // the one that is shown in detail; "", or one that is gone: the first
  u64 producer = 0;      // incarnation of the one under the cursor; 0: the first in the list, whichever it is
  std::size_t line = 0;  // where that was, for when it is gone
  Order order = Order::loss;
  bool scaled = true;  // 12k in place of 12345
  bool more = false;   // remedies, and lanes that nobody has had
  bool help = false;
  u64 interval_ns = 1'000'000'000;
  bool sample_now = false, redraw_now = false, ended = false;  // asked for by the last key
};

// Returns the index in `model.rings` of the ring that is shown in detail. There is at least one.
std::size_t ring_under(const Model& model, const View& view);
// Returns the ring's producers in the order of the view.
std::vector<const Producer*> listed(const Ring& ring, Order order);
// Returns the index of the cursor in that list, or 0 if it is empty.
std::size_t line_under(const std::vector<const Producer*>& list, const View& view);

// `page`: how many producers the screen shows.
View after(View view, Action action, const Model& model, std::size_t page);

}  // namespace shmring::tool::top
