// The files of one log in the archive: see log_store.hpp. log_store_open.cpp has what a start does.
#include "lib/fleet/log_store.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "lib/log/files/source.hpp"
#include "lib/os/durable.hpp"
#include "lib/os/error.hpp"

namespace shmring::fleet {
namespace {

constexpr std::size_t most_conflicts = 16;

bool is_full(int error) { return error == -ENOSPC || error == -EDQUOT; }

log::LogFile as_file(const std::string& name) { return {name, log::first_index_of(name)}; }

// Compares the common part of a range with what is there, from the hashed bytes before it on. Returns the first byte of the
// file that differs, or nothing.
std::optional<u64> first_difference(const Range& range, std::string_view bytes, std::string_view there, std::size_t before) {
  if (hash_before(there.substr(0, before)) != range.before) return range.begin - before;
  const auto [here, end] = std::ranges::mismatch(there.substr(before), bytes);
  const auto same = static_cast<u64>(here - there.substr(before).begin());
  return same == std::min(there.size() - before, bytes.size()) ? std::optional<u64>() : range.begin + same;
}

std::string in_words(const std::string& path, const Range& range, u64 at) {
  return path + "/" + range.file + ": what the host sends as bytes " + std::to_string(range.begin) + " to " +
         std::to_string(range.end) + " differs from what is there, first at byte " + std::to_string(at) +
         " or in the 32 bytes behind it: one of the two was changed";
}

}  // namespace

std::string path_of(const std::string& root, const LogName& name) {
  return root + "/" + name.host + "/" + name.ring + "/" + name.log;
}

LogStore::LogStore(int root, const std::string& root_path, LogName name)
    : root_(root), name_(std::move(name)), path_(path_of(root_path, name_)) {}

int LogStore::fail(int error, const std::string& file, const char* what) const {
  return os::fail(-error, "archive %s%s%s: cannot %s: %s", path_.c_str(), file.empty() ? "" : "/", file.c_str(), what,
                  std::strerror(-error));
}

void LogStore::release() {
  directory_.reset(), file_.reset();
  record_.close();
}

// What was not committed is given up. The next open() repairs what is left of it.
int LogStore::lose(int error, const char* what) {
  fail(error, newest_.file, what);
  if (newest_.file == committed_.file && !newest_.file.empty()) is_void_ = true;
  newest_ = committed_;
  was_opened_ = false;
  release();
  return error;
}

Put LogStore::lose(std::string& text, int error, const char* what) {
  lose(error, what);
  text = os::last_error();
  return is_full(error) ? Put::full : Put::failed;
}

int LogStore::commit() {
  if (!is_uncommitted() || is_repeating()) return 0;
  if (!newest_.file.empty())
    if (const int error = os::sync_data(file_.get())) return lose(error, "sync it");
  if (!is_name_synced_)
    if (const int error = os::sync_all(directory_.get())) return lose(error, "sync its directory");
  if (const int error = record_.write(newest_)) return lose(error, "commit it");
  is_name_synced_ = true;
  committed_ = newest_;
  return 0;
}

int LogStore::set_wanted() {
  if (const int error = give_up_repeats()) return error;
  newest_.wanted = true;
  return 0;
}

// Nothing of it is committed, and all of its lines are in the files before it.
int LogStore::give_up_repeats() {
  if (!is_repeating()) return 0;
  if (os::calls.unlinkat(directory_.get(), newest_.file.c_str(), 0) != 0) return lose(-errno, "remove it");
  newest_ = committed_;
  return open_newest();
}

Put LogStore::put(const Range& range, std::string_view bytes, std::string& text) {
  if (newest_.file.empty() || as_file(range.file) > as_file(newest_.file)) return begin_newer(range, bytes, text);
  if (as_file(range.file) < as_file(newest_.file)) return compare_older(range, bytes, text);
  if (range.begin > newest_.bytes) return Put::gap;
  const Put compared = compare(range, bytes, text);
  if (compared != Put::repeated || range.end <= newest_.bytes) return compared;
  return append(range, bytes.substr(newest_.bytes - range.begin), text);
}

Put LogStore::begin_newer(const Range& range, std::string_view bytes, std::string& text) {
  const u64 first = log::first_index_of(range.file);
  const bool goes_on =
      newest_.file.empty() ? range.follows == Follows::nothing : first <= std::max(newest_.index, committed_.index);
  if (range.begin > 0 || (!goes_on && range.follows != Follows::given_up)) return Put::gap;
  if (range.before != hash_before({})) return text = range.file + ": nothing is before its byte 0", Put::wrong;
  if (cut_tail() != 0 || commit() != 0 || give_up_repeats() != 0) return text = os::last_error(), Put::failed;
  if (const int error = begin_file(range)) return lose(text, error, "begin a file behind it");
  return append(range, bytes, text);
}

int LogStore::begin_file(const Range& range) {
  if (const int error = os::open_at(directory_.get(), range.file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0640, file_))
    return error;
  const u64 first = log::first_index_of(range.file);
  newest_ = {range.file, 0, first, newest_.wanted};
  is_name_synced_ = has_tail_ = false;
  return 0;
}

Put LogStore::append(const Range& range, std::string_view bytes, std::string& text) {
  const auto lines = static_cast<u64>(std::ranges::count(bytes, '\n'));
  if (newest_.index + lines != range.next_index) {
    text = range.file + ": line " + std::to_string(range.next_index) + " should begin at byte " + std::to_string(range.end) +
           ", and it is line " + std::to_string(newest_.index + lines);
    return Put::wrong;
  }
  if (const int error = write_at_end(bytes)) {
    if (!is_full(error)) return lose(text, error, "append to it");
    fail(error, range.file, "append to it");
    return text = os::last_error(), Put::full;
  }
  newest_.bytes += bytes.size(), newest_.index = range.next_index;
  newest_.wanted = false;
  return Put::appended;
}

// Nothing of these bytes counts unless this returns 0.
int LogStore::write_at_end(std::string_view bytes) {
  struct stat status {};
  if (has_tail_ && os::calls.ftruncate(file_.get(), static_cast<off_t>(newest_.bytes)) != 0) return -errno;
  has_tail_ = false;
  if (os::calls.fstat(file_.get(), &status) != 0) return -errno;
  if (static_cast<u64>(status.st_size) != newest_.bytes) return -EUCLEAN;  // another program has written to it, or cut it
  const int error = os::write_full_at(file_.get(), bytes.data(), bytes.size(), newest_.bytes);
  has_tail_ = error != 0;
  return error;
}

// What differs is looked at again when it is committed: until then it may be what a failing disk has made of it.
Put LogStore::compare(const Range& range, std::string_view bytes, std::string& text) {
  const std::size_t before = std::min<u64>(hashed_before, range.begin);
  const std::size_t common = std::min(range.end, newest_.bytes) - range.begin;
  std::string there(before + common, '\0');
  for (bool is_committed = false;; is_committed = true) {
    const ssize_t got = os::read_full(file_.get(), there.data(), there.size(), range.begin - before);
    if (got < 0) return lose(text, static_cast<int>(got), "read it");
    if (static_cast<std::size_t>(got) < there.size()) return lose(text, -EUCLEAN, "read all that was written to it");
    const std::optional<u64> at = first_difference(range, bytes, there, before);
    if (!at) return Put::repeated;
    if (is_committed || !is_uncommitted()) return text = in_words(path_, range, *at), Put::differs;
    if (is_repeating()) return lose(text, -EUCLEAN, "read what was written to it");
    if (commit() != 0) return text = os::last_error(), Put::failed;
  }
}

// The archive's older files may have been removed, or compressed, by whoever keeps it.
Put LogStore::compare_older(const Range& range, std::string_view bytes, std::string& text) const {
  std::unique_ptr<log::ByteSource> source;
  std::string there;
  const std::size_t before = std::min<u64>(hashed_before, range.begin);
  const bool has_lines = bytes.ends_with('\n') && range.next_index <= std::max(newest_.index, committed_.index);
  const Put same = has_lines ? Put::repeated : Put::left;
  const int error = log::open_source(directory_.get(), path_, as_file(range.file), source);
  if (error == -ENOENT) return same;
  if (error != 0 || log::read_block(*source, range.begin - before, before + bytes.size(), there) != 0)
    return text = os::last_error(), Put::failed;
  if (there.size() <= before) return same;
  const std::optional<u64> at = first_difference(range, bytes, there, before);
  if (at) return text = in_words(path_, range, *at), Put::differs;
  return there.size() == before + bytes.size() ? Put::repeated : same;
}

void LogStore::keep_conflict(const Range& range, std::string_view bytes, const std::string& text) const {
  std::vector<std::string> names;
  if (os::list_names(directory_.get(), names) != 0) return;
  const auto kept = std::ranges::count_if(names, [](const std::string& name) { return name.ends_with(conflict_suffix); });
  os::Fd file;
  const std::string name = range.file + conflict_suffix;
  if (static_cast<std::size_t>(kept) >= most_conflicts ||
      os::open_at(directory_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND, 0640, file) != 0)
    return;
  const std::string all = text + "\n" + std::string(bytes);
  if (os::write_full(file.get(), all.data(), all.size()) == 0) os::sync_data(file.get());
}

}  // namespace shmring::fleet
