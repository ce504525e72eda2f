// The accounts from the end of a log: see recovery.hpp.
#include "lib/log/files/recovery.hpp"

#include <algorithm>
#include <cerrno>
#include <unordered_map>

#include "lib/log/files/aside.hpp"
#include "lib/log/files/cursor.hpp"
#include "lib/log/files/source.hpp"
#include "lib/log/format/parse.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

constexpr std::string_view accounts_line = "\n{\"v\":1,\"kind\":\"accounts\",";

class Recovery {
 public:
  Recovery(int directory, const std::string& dir, std::string_view ring, Recovered& out, const std::function<int()>& before_cut)
      : directory_(directory), dir_(dir), ring_(ring), out_(out), before_cut_(before_cut) {}

  int run() {
    std::vector<LogFile> files;
    if (const int error = list_log_files(directory_, dir_, files)) return error;
    std::vector<std::pair<LogFile, u64>> lineless;  // with their bytes; moved aside once nothing else is refused
    for (; !files.empty(); files.pop_back()) {
      file_ = files.back();
      if (const int error = find_whole_lines()) return error;
      if (whole_ > 0) {
        if (const int error = recover_file()) return error;
        break;
      }
      // Without an earlier file, nothing else knows the accounts.
      if (files.size() == 1 && file_.first_index > 0) return damage(0, "an accounts line that says how the log goes on");
      lineless.emplace_back(file_, size_);
    }
    if (!lineless.empty())
      if (const int error = before_cut_()) return error;
    for (const auto& [file, bytes] : lineless) {  // the collector ended before they had a line
      if (const int error = move_aside(directory_, dir_, file.name, bytes, file.first_index, out_.aside)) return error;
      out_.cut_bytes += bytes;
    }
    return 0;
  }

 private:
  // A ring, and where its accounts are: incarnation → place.
  struct Known {
    RecoveredRing ring;
    std::unordered_map<u64, std::size_t> places;
  };

  int find_whole_lines();
  int last_line_is_valid(u64 end, bool& valid);
  int recover_file();
  int apply_lines(u64 offset);
  bool apply(const Parsed& line);
  static Known known(const RingId& ring, const std::vector<AccountState>& accounts, const Incarnations& over);
  void begin_ring(const RingId& ring);
  void hand_out();
  int damage(u64 byte, std::string_view expected);

  int directory_;
  const std::string& dir_;
  std::string_view ring_;
  Recovered& out_;
  const std::function<int()>& before_cut_;
  LogFile file_{};
  std::unique_ptr<ByteSource> source_;
  u64 size_ = 0, whole_ = 0;  // bytes of the file, and of its whole lines
  std::vector<Known> rings_;  // each ring that the log speaks of, the present one last
};

// Names the line by its number, which is counted only now because recovery begins in the middle of the file.
int Recovery::damage(u64 byte, std::string_view expected) {
  Cursor lines;
  LogLine line;
  u64 number = 1;
  if (lines.open_at(directory_, dir_, file_, 0) == 0)
    while (lines.next(line) == 1 && line.file == file_.name && line.byte < byte) ++number;
  return os::fail(
      EBADMSG, "log %s/%s: line %llu (byte %llu) is damaged: expected %.*s; the log was left as it is: run `shmring verify %s`",
      dir_.c_str(), file_.name.c_str(), wide(number), wide(byte), static_cast<int>(expected.size()), expected.data(),
      dir_.c_str());
}

int Recovery::find_whole_lines() {
  if (file_.is_compressed()) {
    return os::fail(EBADMSG, "log %s/%s: it is the last file and is compressed, so a later one is missing; put that back",
                    dir_.c_str(), file_.name.c_str());
  }
  int error = open_source(directory_, dir_, file_, source_);
  if (error == 0) error = source_->size(size_);
  if (error != 0) return error;
  u64 newline = 0;
  const int found = find_back(*source_, size_, "\n", newline);
  if (found < 0) return found;
  whole_ = found == 1 ? newline + 1 : 0;
  if (whole_ == 0 || whole_ < size_) return 0;
  // A last line that has its newline but is not valid was also torn by a write.
  const int before = find_back(*source_, whole_ - 1, "\n", newline);
  if (before < 0) return before;
  const u64 begin = before == 1 ? newline + 1 : 0;
  bool valid = false;
  if (error = last_line_is_valid(begin, valid); error != 0) return error;
  if (!valid) whole_ = begin;
  return 0;
}

int Recovery::last_line_is_valid(u64 begin, bool& valid) {
  Cursor lines;
  LogLine line;
  if (const int error = lines.open_at(directory_, dir_, file_, begin)) return error;
  const int got = lines.next(line);
  Parsed parsed;
  Mistake mistake;
  valid = got == 1 && parse(line.text, parsed, mistake);
  return got < 0 ? got : 0;  // also for a line longer than any can be, which was not torn from one
}

int Recovery::recover_file() {
  u64 offset = 0;
  const int found = find_back(*source_, whole_, accounts_line, offset);
  if (found < 0) return found;
  if (const int error = apply_lines(found == 1 ? offset + 1 : 0)) return error;
  out_.file = file_.name;
  out_.file_bytes = whole_;
  if (whole_ == size_) return 0;
  if (const int error = before_cut_()) return error;
  out_.cut_bytes += size_ - whole_;
  return cut_aside(directory_, dir_, file_.name, whole_, size_, out_.next_index, out_.aside);
}

int Recovery::apply_lines(u64 offset) {
  Cursor lines;
  if (const int error = lines.open_at(directory_, dir_, file_, offset)) return error;
  LogLine at;
  Parsed line;
  Mistake mistake;
  for (u64 next = offset; next < whole_; next += at.text.size() + 1) {
    const int got = lines.next(at);
    if (got < 0) return got;
    if (got == 0 || !at.whole || at.byte != next || at.file != file_.name)
      return damage(next, "the lines that were here a moment ago");
    if (!parse(at.text, line, mistake)) return damage(next, mistake.expected);
    if (line.ring != ring_) {
      return os::fail(EINVAL, "log %s: it is the log of ring %.*s, not of %.*s; give each ring a directory of its own",
                      dir_.c_str(), static_cast<int>(line.ring.size()), line.ring.data(), static_cast<int>(ring_.size()),
                      ring_.data());
    }
    const bool first = next == offset;
    if (first && line.kind != Kind::accounts) return damage(next, "an accounts line");
    if (first && offset == 0 && line.index != file_.first_index) return damage(0, "the index that the file's name says");
    if (!first && line.index != out_.next_index) return damage(next, "index " + std::to_string(out_.next_index));
    out_.next_index = line.index + 1;
    if (first) {
      out_.accounts_byte = next, out_.accounts_bytes = at.text.size() + 1;
    } else {
      ++out_.lines_since_accounts, out_.bytes_since_accounts += at.text.size() + 1;
    }
    if (!apply(line)) return damage(next, "a line of an open account");
  }
  hand_out();
  return 0;
}

Recovery::Known Recovery::known(const RingId& ring, const std::vector<AccountState>& accounts, const Incarnations& over) {
  Known out{{ring, {}, over}, {}};
  for (const AccountState& account : accounts) {
    out.places[account.incarnation] = out.ring.accounts.size();
    out.ring.accounts.push_back({std::string(account.producer), account.incarnation, account.through, account.open,
                                 account.causes, account.pid, account.start_time});
  }
  return out;
}

// The following lines are of this ring.
void Recovery::begin_ring(const RingId& ring) {
  const auto found = std::ranges::find(rings_, ring, [](const Known& known) { return known.ring.ring; });
  if (found == rings_.end()) {
    rings_.push_back({{ring, {}, {}}, {}});
  } else {
    std::rotate(found, found + 1, rings_.end());
  }
}

// Accounts that are gone are not handed on. A retired ring is not handed on at all if it has no other accounts.
void Recovery::hand_out() {
  for (Known& known : rings_) {
    std::erase_if(known.ring.accounts,
                  [&](const RecoveredAccount& account) { return !known.places.contains(account.incarnation); });
    const bool present = &known == &rings_.back();
    if (present) static_cast<RecoveredRing&>(out_) = std::move(known.ring);
    if (!present && !known.ring.accounts.empty()) out_.retired.push_back(std::move(known.ring));
  }
}

// Returns false if the line speaks of an account that does not exist or is closed.
bool Recovery::apply(const Parsed& line) {
  if (line.kind == Kind::unknown) return true;
  if (line.kind == Kind::note) {
    if (line.kind_name == "start" && line.ring_id != RingId{}) begin_ring(line.ring_id);
    return true;
  }
  if (line.kind == Kind::accounts) {
    rings_.clear();
    for (const RingAccounts& retired : line.retired) rings_.push_back(known(retired.ring, retired.accounts, retired.over));
    rings_.push_back(known(line.ring_id, line.accounts, line.over));
    return true;
  }
  auto named = line.ring_id == RingId{}
                   ? rings_.end() - 1
                   : std::ranges::find(rings_, line.ring_id, [](const Known& known) { return known.ring.ring; });
  if (named == rings_.end() && line.kind != Kind::attach) return false;
  // A retired ring may have had no account when this log, or this file, was begun.
  if (named == rings_.end()) named = rings_.insert(rings_.end() - 1, Known{{line.ring_id, {}, {}}, {}});
  RecoveredRing& ring = named->ring;
  const auto place = named->places.find(line.incarnation);
  if (line.kind == Kind::attach) {
    if (place != named->places.end() || ring.over.contains(line.incarnation)) return false;
    named->places[line.incarnation] = ring.accounts.size();
    ring.accounts.push_back(
        {std::string(line.producer), line.incarnation, line.first, true, {}, static_cast<u32>(line.pid), line.start_time});
    return true;
  }
  if (place == named->places.end() || !ring.accounts[place->second].open) return false;
  RecoveredAccount& account = ring.accounts[place->second];
  if (line.kind == Kind::event || line.kind == Kind::loss) account.through = line.last;
  if (line.kind == Kind::loss) account.causes += line.causes;
  if (line.kind == Kind::detach || line.kind == Kind::died) account.open = false;
  if (line.kind == Kind::gone) named->places.erase(place), ring.over.add(line.incarnation);  // its account goes at the end
  return true;
}

}  // namespace

RingAccounts RecoveredRing::known() const {
  RingAccounts known{ring, {}, over};
  for (const RecoveredAccount& a : accounts)
    known.accounts.push_back({a.producer, a.incarnation, a.through, a.open, a.causes, a.pid, a.start_time});
  return known;
}

Accounts Recovered::known(u64 time_ns) const {
  RingAccounts present = RecoveredRing::known();
  Accounts all{time_ns, std::move(present.accounts), std::move(present.over), ring, {}};
  for (const RecoveredRing& other : retired) all.retired.push_back(other.known());
  return all;
}

RecoveredRing Recovered::of(const RingId& id) const {
  if (id == ring) return *this;
  const auto found = std::ranges::find(retired, id, &RecoveredRing::ring);
  return found == retired.end() ? RecoveredRing{id, {}, {}} : *found;
}

int recover(int directory, const std::string& dir, std::string_view ring, Recovered& out,
            const std::function<int()>& before_cut) {
  out = {};
  return Recovery(directory, dir, ring, out, before_cut).run();
}

}  // namespace shmring::log
