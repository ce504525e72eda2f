// What a program that runs for months says on standard error.
//
// Invariants:
//   - no message makes the program wait, since standard error may be a pipe that nobody reads;
//   - a message that standard error does not take is lost, with no other effect. The next message is preceded by the number of
//     messages lost;
//   - of the warnings of one form at most one is written in a second, so that a disk that comes and goes does not fill the
//     journal. The last one that was held back follows when the second is over, with the number of those before it;
//   - if standard error is the journal's, each line carries its priority in the journal's form.
// Thread role: one thread, the collector's or that of the program's loop.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "lib/os/clock.hpp"
#include "lib/os/file.hpp"
#include "lib/os/notify.hpp"

namespace shmring::collect {

// Those of syslog and of the journal.
enum class Priority { error = 3, warning = 4, info = 6 };

class Messages {
 public:
  using Clock = std::uint64_t (*)();  // monotonic, in nanoseconds

  explicit Messages(Clock now = os::monotonic_now_ns, std::string program = "shmringd")
      : now_(now), program_(std::move(program)) {}

  // Writes a text of whole lines.
  void write(Priority priority, std::string_view text) {
    std::string all = unwritten_ == 0 ? ""
                                      : fmt::format("{}: {} message{} not written: standard error was full\n", program_,
                                                    unwritten_, unwritten_ == 1 ? " was" : "s were");
    all += text;
    all = marked(priority, all);
    const bool written = os::write_without_waiting(2, all.data(), all.size()) == 0;
    unwritten_ = written ? 0 : unwritten_ + 1;
  }
  // Writes a warning, or holds it back. `kind` names those that count as one.
  void warn(std::string_view kind, std::string text) {
    Kind& found = kinds_.try_emplace(std::string(kind)).first->second;
    if (found.is_silent(now_())) {
      ++found.held_back;
      found.last = std::move(text);
      return;
    }
    tell(found);
    write(Priority::warning, text);
    found.told_ns = now_();
  }
  // Called about once a second: tells what was held back.
  void tell_held_back() {
    for (auto& [name, kind] : kinds_)
      if (kind.held_back > 0 && !kind.is_silent(now_())) tell(kind);
  }
  // Called at the end of the process: tells what was held back, and how many messages were not written.
  void end() {
    for (auto& [name, kind] : kinds_) tell(kind);
    if (unwritten_ > 0) write(Priority::warning, "");
  }
  // Returns the text as it is to be written.
  std::string marked(Priority priority, std::string_view text) {
    if (!is_journal_) is_journal_ = os::is_journal(2);
    if (!*is_journal_) return std::string(text);
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
      out += fmt::format("<{}>", static_cast<int>(priority));
      out += text.substr(at, end - at);
      at = end;
    }
    return out;
  }

 private:
  static constexpr std::uint64_t second_ns = 1'000'000'000;

  struct Kind {
    std::optional<std::uint64_t> told_ns;
    unsigned long held_back = 0;
    std::string last;  // of those held back

    bool is_silent(std::uint64_t now) const { return told_ns && now - *told_ns < second_ns; }
  };

  void tell(Kind& kind) {
    if (kind.held_back == 0) return;
    if (kind.held_back > 1)
      kind.last += fmt::format("{}: {} message{} like this one {} left out before it\n", program_, kind.held_back - 1,
                               kind.held_back == 2 ? "" : "s", kind.held_back == 2 ? "was" : "were");
    write(Priority::warning, kind.last);
    kind.held_back = 0, kind.told_ns = now_();
  }

  Clock now_;
  std::string program_;
  std::map<std::string, Kind> kinds_;
  std::optional<bool> is_journal_;
  unsigned long unwritten_ = 0;
};

inline Messages messages;  // standard error belongs to the whole process

// Why the program ends, or does not begin.
template <class... A>
void say(fmt::format_string<A...> form, A&&... arguments) {
  messages.write(Priority::error, fmt::format(form, std::forward<A>(arguments)...));
}

// What a person has asked for.
template <class... A>
void tell(fmt::format_string<A...> form, A&&... arguments) {
  messages.write(Priority::info, fmt::format(form, std::forward<A>(arguments)...));
}

// What a person should look at. Warnings of one form count as one kind.
template <class... A>
void warn(fmt::format_string<A...> form, A&&... arguments) {
  const fmt::string_view kind = form;
  messages.warn({kind.data(), kind.size()}, fmt::format(form, std::forward<A>(arguments)...));
}

}  // namespace shmring::collect
