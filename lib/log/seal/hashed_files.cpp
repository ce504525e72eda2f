// The lines of a log's files as hashes: see hashed_files.hpp.
#include "lib/log/seal/hashed_files.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <iterator>

#include "lib/log/files/cursor.hpp"
#include "lib/log/format/parse.hpp"
#include "lib/os/error.hpp"
#include "lib/os/thread.hpp"

namespace shmring::log {
namespace {

// Collects the subtrees of leaves that come one after the other.
class Pieces {
 public:
  Pieces(Digest& digest, const std::vector<u64>& sizes, std::vector<Piece>& out) : digest_(digest), sizes_(sizes), out_(out) {}

  void add(u64 index, Hash hash) {
    if (out_.empty() || index == cut_) begin(index);
    Piece& piece = out_.back();
    // A neighbour on the left is merged if all of it lies in this piece.
    unsigned level = 0;
    for (; (index >> level & 1) != 0 && !piece.subtrees.empty() && piece.subtrees.back().first == level; ++level) {
      hash = digest_.node(piece.subtrees.back().second, hash);
      piece.subtrees.pop_back();
    }
    piece.subtrees.emplace_back(level, hash);
    piece.end = index + 1;
  }

 private:
  void begin(u64 index) {
    out_.push_back({index, index, {}});
    const auto next = std::ranges::upper_bound(sizes_, index);
    cut_ = next == sizes_.end() ? no_end : *next;
  }

  Digest& digest_;
  const std::vector<u64>& sizes_;
  std::vector<Piece>& out_;
  u64 cut_ = 0;
};

}  // namespace

void add_subtree(Digest& digest, Frontier& frontier, unsigned level, Hash hash) {
  const u64 before = frontier.size;
  for (unsigned bit = level; (before >> bit & 1) != 0; ++bit) {
    hash = digest.node(frontier.hashes.back(), hash);
    frontier.hashes.pop_back();
  }
  frontier.hashes.push_back(hash);
  frontier.size += u64{1} << level;
}

void HashedFiles::begin(int directory, std::string dir, std::vector<LogFile> files, u64 base, std::vector<u64> sizes,
                        unsigned threads, u64 share_bytes) {
  directory_ = directory, dir_ = std::move(dir), files_ = std::move(files), base_ = base, sizes_ = std::move(sizes);
  for (std::size_t i = 0; i < files_.size(); ++i) share_out(i, share_bytes);
  for (unsigned i = 0; i < std::min<std::size_t>(threads, shares_.size()); ++i) {
    std::thread thread;
    if (os::begin_thread(thread, [this] { work(); }) == 0) threads_.push_back(std::move(thread));
  }
}

// A file that cannot be opened is one share, whose error is told in its turn.
void HashedFiles::share_out(std::size_t file, u64 share_bytes) {
  std::unique_ptr<ByteSource> source;
  u64 bytes = 0, from = 0;
  if (!files_[file].is_compressed() && open_source(directory_, dir_, files_[file], source) == 0 && source->size(bytes) == 0)
    for (; bytes - from > share_bytes; from += share_bytes) shares_.push_back({file, from, from + share_bytes});
  shares_.push_back({file, from, no_end});  // and what is appended meanwhile
}

HashedFiles::~HashedFiles() {
  next_.store(shares_.size(), std::memory_order_relaxed);
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

void HashedFiles::work() {
  std::optional<Digest> digest;
  for (std::size_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < shares_.size();) {
    Share& share = shares_[i];
    try {  // what a thread threw would end the process
      if (!digest) digest.emplace();
      if ((share.error = hash(*digest, share)) != 0) share.why = os::last_error();
    } catch (const std::exception& problem) {
      share.error = -ENOMEM;
      share.why = "log " + dir_ + "/" + files_[share.file].name + ": cannot hash it: " + problem.what();
    }
  }
}

int HashedFiles::hash(Digest& digest, Share& share) const {
  const LogFile& file = files_[share.file];
  std::unique_ptr<ByteSource> source;
  if (const int error = open_source(directory_, dir_, file, source)) return error;
  LineReader lines;
  std::string_view text;
  Parsed line{};
  int got = 1;
  const bool begins_file = share.from == 0;
  lines.read(std::move(source), begins_file ? 0 : share.from - 1);
  if (!begins_file) got = lines.next(text);  // ends where this share's first line begins
  Pieces pieces(digest, sizes_, share.hashes.pieces);
  u64 index = share.first = file.first_index;
  while (got == 1 && (got = lines.next(text)) == 1 && lines.line_byte() < share.to) {
    Mistake mistake{};
    const bool is_first = !share.has_lines;
    share.has_lines = true;
    if (is_first && !begins_file) share.first = index = parse_head(text, line) ? line.index : no_end;
    if (index >= file.end) break;
    if (is_first && begins_file && parse(text, line, mistake) && line.kind == Kind::accounts)
      share.hashes.tree = std::move(line.tree);
    if (index >= base_) pieces.add(index - base_, digest.leaf({text.data(), text.size() + 1}));  // with its newline
    ++index;
  }
  share.end = index;
  if (got != -EFBIG) return std::min(got, 0);
  return os::fail(EBADMSG, "log %s/%s: a line is longer than any line of a log", dir_.c_str(), file.name.c_str());
}

// Takes the shares of a file together, from `share` on, which is left behind the last of them. Each counts its lines, so that
// the next one's first index is known. Returns 0, −errno with its text, or 1 if a share does not go on where it should.
int HashedFiles::put_together(std::size_t file, std::size_t& share, FileHashes& out) {
  u64 next = files_[file].first_index;
  bool fits = true;
  for (; share < shares_.size() && shares_[share].file == file; ++share) {
    Share& part = shares_[share];
    if (part.error != 0) return os::fail(-part.error, "%s", part.why.c_str());
    if (!part.has_lines) continue;
    fits = fits && part.first == next;
    next = part.end;
    if (part.hashes.tree) out.tree = std::move(part.hashes.tree);
    std::ranges::move(part.hashes.pieces, std::back_inserter(out.pieces));
  }
  return fits ? 0 : 1;
}

int HashedFiles::join(std::vector<FileHashes>& out) {
  work();  // what is left, also if there was no thread to be had
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  out.assign(files_.size(), {});
  std::size_t share = 0;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const int result = put_together(i, share, out[i]);
    if (result < 0) return result;
    if (result == 0) continue;
    Digest digest;
    Share whole{i, 0, no_end};
    if (const int error = hash(digest, whole)) return error;
    out[i] = std::move(whole.hashes);
  }
  return 0;
}

}  // namespace shmring::log
