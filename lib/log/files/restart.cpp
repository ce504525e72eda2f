// What a new collector finds: see restart.hpp.
#include "lib/log/files/restart.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/log/files/aside.hpp"
#include "lib/log/files/cursor.hpp"
#include "lib/log/files/mark.hpp"
#include "lib/log/files/overlapping.hpp"
#include "lib/log/files/search.hpp"
#include "lib/log/files/sync_job.hpp"
#include "lib/log/format/parse.hpp"
#include "lib/os/durable.hpp"
#include "lib/os/error.hpp"
#include "lib/os/process.hpp"

namespace shmring::log {
namespace {

constexpr u64 largest_page_bytes = 65536;                       // of any machine that Linux runs on
constexpr std::size_t kept_bytes_max = std::size_t{128} << 20;  // twice what a collector lets wait for the disk by default

enum class Origin { this_boot, earlier_boot, torn, unknown, copy };

// Bytes of a file, from `begin` on.
struct FoundBytes {
  std::string name;
  u64 begin;
  std::string text;
};

class Restart {
 public:
  Restart(int directory, const std::string& dir, std::string_view ring, Recovered& out)
      : directory_(directory), dir_(dir), ring_(ring), out_(out) {}

  int run() {
    read_mark();
    if (const int error = list()) return error;
    u64 cut_bytes = 0;
    bool is_whole = origin_ == Origin::unknown || origin_ == Origin::copy;
    if (origin_ == Origin::this_boot)
      if (const int error = look_for_lost_pages(is_whole)) return error;
    if (!is_whole)
      if (const int error = cut_what_is_not_whole(cut_bytes)) return error;
    if (const int error = recover(directory_, dir_, ring_, out_, [this] { return note_cut(); })) return error;
    out_.cut_bytes += cut_bytes;
    if (out_.aside.empty()) out_.aside = aside_;
    for (const char* name : {new_file_name, replacement_name}) os::calls.unlinkat(directory_, name, 0);
    if (const int error = list()) return error;
    return judge();
  }

 private:
  void read_mark();
  int list();
  struct Place {
    std::size_t file;
    u64 index, byte;  // of the line that is to be there
  };
  int find_first_to_read(Place& out);
  int look_for_lost_pages(bool& is_whole);
  int cut_what_is_not_whole(u64& cut_bytes);
  int note_cut();
  int read_file(const LogFile& file, u64& next, u64& whole);
  int cut(std::size_t at, u64 whole, u64 next, u64& cut_bytes);
  // Files become durable in their order, so a sealed one proves all before it: also a file that was replaced, and is never
  // sealed.
  std::vector<FoundFile>::const_iterator first_unsealed() const {
    return std::find_if(files_.rbegin(), files_.rend(), [](const FoundFile& found) { return found.is_sealed; }).base();
  }
  int sync_end();
  int judge();
  void remove_superseded();
  bool may_lose_its_name(const FoundFile& found) const;
  int find_unsynced();
  void take_kept(Unsynced& unsynced);
  int end_of(std::size_t at, u64& byte);
  int find_replaced_in_part(std::size_t at, bool& out);
  bool has_accounts_at_mark(const LogFile& file);
  int io_error(int error, const std::string& name, const char* what) const {
    return os::fail(-error, "log %s/%s: cannot %s: %s", dir_.c_str(), name.c_str(), what, std::strerror(-error));
  }
  int refuse_below_durable(u64 index) const {
    return os::fail(
        EBADMSG,
        "log %s: the lines with the indexes %llu to %llu are missing or damaged, but had been on the disk; the log was "
        "left as it is: put the files back, or run `shmring verify %s` and move what is left elsewhere",
        dir_.c_str(), wide(index), wide(mark_.durable - 1), dir_.c_str());
  }

  int directory_;
  const std::string& dir_;
  std::string_view ring_;
  Recovered& out_;
  Mark mark_;
  Origin origin_ = Origin::unknown;
  bool has_noted_cut_ = false;
  std::vector<FoundFile> files_;  // without those that are superseded
  std::vector<LogFile> superseded_;
  std::vector<FoundBytes> kept_;
  std::string aside_;
};

void Restart::read_mark() {
  const MarkSays says = log::read_mark(directory_, mark_);
  if (says != MarkSays::this_place) {
    mark_ = {};
    origin_ = says == MarkSays::nothing ? Origin::unknown : says == MarkSays::torn ? Origin::torn : Origin::copy;
    return;
  }
  const os::MachineId machine = os::this_machine();
  const bool same = mark_.boot[0] == machine.boot_id[0] && mark_.boot[1] == machine.boot_id[1];
  origin_ = same ? Origin::this_boot : Origin::earlier_boot;
}

int Restart::list() {
  std::vector<LogFile> files;
  if (const int error = list_log_files(directory_, dir_, files, &superseded_)) return error;
  files_.clear();
  for (const LogFile& file : files) {
    struct stat status {};
    if (os::calls.fstatat(directory_, file.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return io_error(-errno, file.name, "read its status");
    const bool is_sealed = file.is_compressed() || (log::is_sealed(status.st_mode) && origin_ != Origin::copy);
    files_.push_back({file, static_cast<u64>(status.st_size), is_sealed});
  }
  return 0;
}

// Only files whose replacement was sealed, which it is once it is durable. That D is behind its range does not say so: the
// lines may have been durable in the file that it replaces.
void Restart::remove_superseded() {
  for (const LogFile& old : superseded_) {
    const auto is_behind = [&](const FoundFile& found) { return found.file.first_index == old.first_index; };
    const auto found = std::ranges::find_if(files_, is_behind);
    if (found != files_.end() && found->is_sealed) os::calls.unlinkat(directory_, old.name.c_str(), 0);
  }
}

// What may not be whole begins with the last accounts line that is durable, or behind the last sealed file.
int Restart::find_first_to_read(Place& out) {
  out.file = static_cast<std::size_t>(first_unsealed() - files_.cbegin());
  out.index = out.byte = 0;
  for (std::size_t at = out.file; at < files_.size(); ++at)
    if (has_accounts_at_mark(files_[at].file)) return out = {at, mark_.accounts, mark_.byte}, 0;
  if (out.file == files_.size()) return 0;
  out.index = files_[out.file].file.first_index;
  // Nothing was durable, so nothing was removed on purpose, and a log that does not begin with 0 has lost its beginning.
  if (origin_ == Origin::earlier_boot && out.file == 0 && mark_.durable == 0) out.index = 0;
  if (out.file == 0) return 0;
  const LogFile& sealed = files_[out.file - 1].file;
  std::unique_ptr<ByteSource> source;
  u64 end = 0;
  if (const int error = open_source(directory_, dir_, sealed, source)) return error;
  if (const int error = log::find_end(*source, sealed, end)) return error;
  out.index = std::min(end, sealed.end);  // the files between them may be missing
  return 0;
}

// Of this boot: the kernel drops a page that the disk did not take, and then shows what the disk has, or zeros. No line has
// such a byte. Other damage is not for us to cut. The kernel may drop more pages once they were looked at, so what was seen is
// kept.
int Restart::look_for_lost_pages(bool& is_whole) {
  Place from{};
  if (const int error = find_first_to_read(from)) return error;
  std::string block;
  std::size_t kept_bytes = 0;
  is_whole = true;
  for (std::size_t i = from.file; i < files_.size() && is_whole; ++i) {
    os::Fd file;
    if (files_[i].file.is_compressed()) continue;
    if (const int error = open_log_file(directory_, dir_, files_[i].file.name, O_RDONLY, file)) return error;
    u64 at = i == from.file ? from.byte : 0;
    FoundBytes* const kept = kept_bytes + files_[i].bytes - std::min(at, files_[i].bytes) <= kept_bytes_max
                                 ? &kept_.emplace_back(FoundBytes{files_[i].file.name, at, {}})
                                 : nullptr;
    if (kept != nullptr) kept->text.reserve(files_[i].bytes - std::min(at, files_[i].bytes));
    for (; at < files_[i].bytes && is_whole; at += block.size()) {
      block.resize(os::block_bytes);
      const ssize_t got = os::read_full(file.get(), block.data(), block.size(), at);
      if (got < 0) return io_error(static_cast<int>(got), files_[i].file.name, "read it");
      block.resize(static_cast<std::size_t>(got));
      is_whole = block.find('\0') == block.npos;
      if (got == 0) break;
      if (kept != nullptr) kept->text += block, kept_bytes += block.size();
    }
  }
  if (!is_whole) kept_.clear();  // the log will be cut
  return 0;
}

// After a power cut the disk may have kept any part of what was not synced. The log ends where the first line is missing or
// damaged.
int Restart::cut_what_is_not_whole(u64& cut_bytes) {
  Place at{};
  if (const int error = find_first_to_read(at)) return error;
  for (; at.file < files_.size(); ++at.file, at.byte = 0) {
    const FoundFile& found = files_[at.file];
    if (at.byte > 0 || found.file.first_index == at.index) {
      if (const int error = read_file(found.file, at.index, at.byte)) return error;
      if (found.file.end == no_end ? at.byte > 0 && at.byte == found.bytes : at.index == found.file.end) continue;
    }
    if (at.index < mark_.durable) return refuse_below_durable(at.index);
    if (const int error = note_cut()) return error;
    return cut(at.file, at.byte, at.index, cut_bytes);
  }
  return 0;
}

// Of this boot, only the mark can tell the next start that a cut may not be on the disk yet, should this one not come to sync
// it.
int Restart::note_cut() {
  if (origin_ != Origin::this_boot || mark_.is_cut || has_noted_cut_) return 0;
  Mark mark = mark_;
  mark.is_cut = true;
  const int error = MarkFile().begin(directory_, mark);
  has_noted_cut_ = error == 0;
  return error == 0 ? 0 : io_error(error, "mark", "write there that the log is cut");
}

// Reads from the byte `whole` on, where the line `next` is to be. Sets how many bytes of the file's range are whole lines with
// the indexes that follow, and which index comes behind them.
int Restart::read_file(const LogFile& file, u64& next, u64& whole) {
  Cursor lines;
  if (const int error = lines.open_at(directory_, dir_, file, whole)) return error;
  LogLine line;
  Parsed parsed;
  Mistake mistake;
  while (next < file.end) {
    const int got = lines.next(line);
    if (got < 0 && got != -EBADMSG) return got;
    if (got != 1 || !line.whole || line.file != file.name) return 0;
    if (!parse(line.text, parsed, mistake) || parsed.index != next) return 0;
    ++next;
    whole = line.byte + line.text.size() + 1;
  }
  return 0;
}

// The log ends in file `at`, behind so many bytes. Files behind the cut go first, the last one first, so that the log has no
// hole whenever this is cut short. Their names are synced with the mark, before anything is appended.
int Restart::cut(std::size_t at, u64 whole, u64 next, u64& cut_bytes) {
  if (at == 0 && whole == 0 && next > 0) {
    return os::fail(EBADMSG,
                    "log %s/%s: it has no whole line, and no other file says how the log goes on; it was left as it is",
                    dir_.c_str(), files_[0].file.name.c_str());
  }
  // What the file before has behind its end would be read again.
  u64 first = at > 0 ? files_[at - 1].file.first_index : 0, before = 0;
  if (whole == 0 && at > 0)
    if (const int error = read_file(files_[at - 1].file, first, before)) return error;
  for (std::size_t i = files_.size(); i-- > at - (before > 0 ? 1 : 0);) {
    const FoundFile& found = files_[i];
    const u64 keeps = i == at ? whole : i < at ? before : 0;
    // One without a byte goes, too: it would be the log's beginning once those before it are gone.
    if (keeps == found.bytes && keeps > 0) continue;
    const int error = keeps == 0 ? move_aside(directory_, dir_, found.file.name, found.bytes, found.file.first_index, aside_)
                                 : cut_aside(directory_, dir_, found.file.name, keeps, found.bytes, next, aside_);
    if (error != 0) return error;
    cut_bytes += found.bytes - keeps;
  }
  return 0;
}

// The last file may have been cut by a start that did not come to sync it, or whose sync failed. The kernel tells that once,
// and takes the page for written. Its end is written again, with the same bytes, so that this sync means it. What may only be
// appended to (chattr +a) was not cut by anybody.
int Restart::sync_end() {
  os::Fd file;
  const int opened = open_log_file(directory_, dir_, out_.file, O_RDWR, file);
  if (opened == -EPERM && out_.cut_bytes == 0) return 0;
  if (opened != 0) return opened;
  const u64 from = out_.file_bytes / largest_page_bytes * largest_page_bytes;
  std::string end(out_.file_bytes - from, '\0');
  const ssize_t got = os::read_full(file.get(), end.data(), end.size(), from);
  if (got != std::ssize(end)) return io_error(got < 0 ? static_cast<int>(got) : -EIO, out_.file, "read its end");
  if (const int error = os::write_full_at(file.get(), end.data(), end.size(), from))
    return io_error(error, out_.file, "write its end again");
  const int error = os::sync_data(file.get());
  return error == 0 ? 0 : io_error(error, out_.file, "sync it");
}

int Restart::judge() {
  const auto last = std::ranges::find(files_, out_.file, [](const FoundFile& found) { return found.file.name; });
  out_.is_sealed = last != files_.end() && last->is_sealed;
  if (files_.empty()) return out_.durable = 0, 0;  // all was taken away, and a new log begins
  const auto unsealed = first_unsealed();
  const u64 proven = unsealed == files_.end() ? out_.next_index : unsealed->file.first_index;
  switch (origin_) {
    case Origin::this_boot: out_.durable = mark_.durable; break;
    case Origin::earlier_boot: out_.durable = out_.next_index; break;
    case Origin::torn:
    case Origin::unknown: out_.durable = proven; break;
    case Origin::copy: out_.durable = files_.empty() ? 0 : files_.front().file.first_index; break;
  }
  if (mark_.durable > out_.next_index) return refuse_below_durable(out_.next_index);
  if (!out_.is_sealed && (out_.cut_bytes > 0 || origin_ != Origin::this_boot || mark_.is_cut))
    if (const int error = sync_end()) return error;
  remove_superseded();
  if (const int error = find_overlapping(directory_, dir_, files_, superseded_, out_.durable, out_.overlapping)) return error;
  return find_unsynced();
}

// A replacement is sealed once its name is durable. Where D is says nothing of the name: the lines may have been durable in the
// file that it replaces, and the one who was told that the directory's sync failed may be dead. But a mark that names the file
// was written when its name was durable.
bool Restart::may_lose_its_name(const FoundFile& found) const {
  const auto replaces = [&](const auto& overlapping) { return overlapping.second == found.file.first_index; };
  return origin_ != Origin::earlier_boot && !found.is_sealed && mark_.file != found.file.name &&
         std::ranges::any_of(out_.overlapping, replaces);
}

// Of a file that was closed where D is, and not sealed, the bytes that were cut may come back.
int Restart::find_unsynced() {
  for (std::size_t i = static_cast<std::size_t>(first_unsealed() - files_.cbegin()); i < files_.size(); ++i) {
    const LogFile& file = files_[i].file;
    const u64 end = std::min(file.end, out_.next_index);
    const bool is_believed = end < out_.durable || (end == out_.durable && file.end == no_end);
    bool is_proven = is_believed && !may_lose_its_name(files_[i]);
    if (!is_proven)
      if (const int error = find_replaced_in_part(i, is_proven)) return error;
    if (is_proven) continue;
    Unsynced unsynced{file.name, file.first_index, end, 0, 0, {}};
    if (const int error = end_of(i, unsynced.end_byte)) return error;
    if (has_accounts_at_mark(file)) unsynced.from = mark_.accounts, unsynced.begin_byte = mark_.byte;
    if (end > out_.durable) take_kept(unsynced);
    out_.unsynced.push_back(std::move(unsynced));
  }
  return 0;
}

// What is below D is on the disk, and only the name may be lost.
void Restart::take_kept(Unsynced& unsynced) {
  const auto kept = std::ranges::find(kept_, unsynced.name, &FoundBytes::name);
  if (kept == kept_.end() || kept->begin > unsynced.begin_byte) return;
  const u64 skipped = unsynced.begin_byte - kept->begin, bytes = unsynced.end_byte - unsynced.begin_byte;
  if (kept->text.size() < skipped + bytes) return;
  unsynced.text = std::move(kept->text);
  unsynced.text.resize(skipped + bytes);
  unsynced.text.erase(0, skipped);
}

// Sets where the file's range ends in it. Its last lines may be in its successor, too.
int Restart::end_of(std::size_t at, u64& byte) {
  byte = files_[at].bytes;
  std::string text;
  const LogFile& file = files_[at].file;
  return file.end == no_end ? 0 : std::min(find_line(directory_, dir_, file, file.end, text, byte), 0);
}

// Then its successor begins with one of its accounts lines. That line was below D, and so what the file says before it is
// durable, whatever the mark says. If the file were replaced, too, and the power took the successor's name, no file would be
// left that says what was durable behind that line.
int Restart::find_replaced_in_part(std::size_t at, bool& out) {
  out = false;
  if (origin_ == Origin::copy || files_[at].file.end == no_end) return 0;
  std::string here, there;
  u64 byte = 0;
  const LogFile &file = files_[at].file, &next = files_[at + 1].file;
  int got = find_line(directory_, dir_, file, file.end, here, byte);
  if (got == 1) got = find_line(directory_, dir_, next, next.first_index, there, byte);
  out = got == 1 && here == there;
  return std::min(got, 0);
}

// The mark is another process's word, so it is looked at.
bool Restart::has_accounts_at_mark(const LogFile& file) {
  if (mark_.file != file.name || mark_.accounts < file.first_index || mark_.accounts >= mark_.durable) return false;
  os::Fd fd;
  if (open_log_file(directory_, dir_, file.name, O_RDONLY, fd) != 0) return false;
  const std::string expected =
      (mark_.byte > 0 ? "\n" : "") + ("{\"v\":1,\"kind\":\"accounts\",\"index\":" + std::to_string(mark_.accounts) + ",");
  std::string found(expected.size(), '\0');
  const u64 at = mark_.byte > 0 ? mark_.byte - 1 : 0;
  return os::read_full(fd.get(), found.data(), found.size(), at) == static_cast<ssize_t>(found.size()) && found == expected;
}

}  // namespace

int restart(int directory, const std::string& dir, std::string_view ring, Recovered& out) {
  return Restart(directory, dir, ring, out).run();
}

}  // namespace shmring::log
