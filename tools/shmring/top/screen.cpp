// ncurses: see screen.hpp.
#include "tools/shmring/top/screen.hpp"

#include <curses.h>
#include <poll.h>

#include <algorithm>
#include <cstdlib>

#include "lib/os/calls.hpp"
#include "tools/shmring/top/view.hpp"

// These are macros of curses.h, and names elsewhere.
#undef timeout

namespace shmring::tool::top {
namespace {

constexpr int most_escape_ms = 25;  // how long the rest of an arrow key may take

constexpr struct {
  int theirs, ours;
} keys[] = {{KEY_UP, key_up},       {KEY_DOWN, key_down},     {KEY_LEFT, key_left},
            {KEY_RIGHT, key_right}, {KEY_PPAGE, key_page_up}, {KEY_NPAGE, key_page_down},
            {KEY_HOME, key_home},   {KEY_END, key_end},       {KEY_BTAB, key_back_tab}};

// By Ink. A pair of 0 is the terminal's own colours.
struct Look {
  short pair, foreground;
  attr_t more;
};
constexpr Look looks[inks] = {{0, -1, A_NORMAL},           {1, COLOR_CYAN, A_BOLD}, {0, -1, A_BOLD | A_UNDERLINE},
                              {1, COLOR_CYAN, A_NORMAL},   {0, -1, A_DIM},          {2, COLOR_GREEN, A_NORMAL},
                              {3, COLOR_YELLOW, A_NORMAL}, {4, COLOR_RED, A_BOLD},  {0, -1, A_REVERSE}};

void start_colours() {
  if (std::getenv("NO_COLOR") != nullptr || !has_colors()) return;
  start_color();
  use_default_colors();
  for (const Look& look : looks)
    if (look.pair != 0) init_pair(look.pair, look.foreground, -1);
}

attr_t attributes(Ink ink) {
  const Look& look = looks[static_cast<std::size_t>(ink)];
  const bool colourful = look.pair != 0 && COLOR_PAIRS > look.pair;
  return look.more | (colourful ? static_cast<attr_t>(COLOR_PAIR(look.pair)) : A_NORMAL);
}

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

}  // namespace

// Signals come in only while wait() waits, so that none comes between a look at the flag and the wait, or into a drawing.
Screen::Screen() {
  const sigset_t held = set_of({SIGINT, SIGTERM, SIGHUP, SIGWINCH});
  os::calls.pthread_sigmask(SIG_BLOCK, &held, &before_);
  terminal_ = newterm(nullptr, stdout, stdin);
  if (terminal_ == nullptr) return;
  struct sigaction action {};  // behind newterm, which has handlers of its own
  action.sa_handler = [](int signal) { signal_ = signal; };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) os::calls.sigaction(signal, &action, nullptr);
  set_escdelay(most_escape_ms);
  cbreak();
  noecho();
  nonl();
  curs_set(0);
  keypad(stdscr, true);
  nodelay(stdscr, true);
  leaveok(stdscr, true);
  start_colours();
}

Screen::~Screen() {
  if (terminal_ != nullptr) {
    endwin();
    delscreen(static_cast<SCREEN*>(terminal_));
  }
  os::calls.pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

std::size_t Screen::columns() const { return static_cast<std::size_t>(std::max(COLS, 1)); }
std::size_t Screen::rows() const { return static_cast<std::size_t>(std::max(LINES, 1)); }

void Screen::show(const Frame& frame, bool whole) {
  if (whole) clearok(stdscr, true);
  for (std::size_t row = 0; row < frame.rows(); ++row) {
    for (std::size_t column = 0; column < frame.columns(); ++column) {
      const Cell& cell = frame.at(row, column);
      mvaddch(static_cast<int>(row), static_cast<int>(column),
              static_cast<chtype>(static_cast<unsigned char>(cell.text)) | attributes(cell.ink));
    }
  }
  refresh();
}

std::optional<int> Screen::take_key() {
  const int key = getch();
  if (key == ERR || key == KEY_RESIZE) return std::nullopt;
  for (const auto& one : keys)
    if (one.theirs == key) return one.ours;
  return key < key_up ? std::optional(key) : std::nullopt;
}

std::optional<int> Screen::wait(ring::u64 most_ns) {
  if (const std::optional<int> key = take_key()) return key;  // ncurses may have read it already
  pollfd input{.fd = 0, .events = POLLIN, .revents = 0};
  const timespec most{static_cast<time_t>(most_ns / 1'000'000'000), static_cast<long>(most_ns % 1'000'000'000)};
  const int ready = os::calls.ppoll(&input, 1, &most, &before_);
  const std::optional<int> key = take_key();
  // What can be read and gives no key is the end of the input, unless it is the beginning of a key.
  gone_ = ready > 0 && !key && (input.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
  return key;
}

}  // namespace shmring::tool::top
