// The lines of a log's files as hashes: see hashed_files.hpp.
#include "lib/log/seal/hashed_files.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>

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
                        unsigned threads) {
  directory_ = directory, dir_ = std::move(dir), files_ = std::move(files), base_ = base, sizes_ = std::move(sizes);
  hashes_.resize(files_.size());
  errors_.resize(files_.size());
  for (unsigned i = 0; i < std::min<std::size_t>(threads, files_.size()); ++i) {
    std::thread thread;
    if (os::begin_thread(thread, [this] { work(); }) == 0) threads_.push_back(std::move(thread));
  }
}

HashedFiles::~HashedFiles() {
  next_.store(files_.size(), std::memory_order_relaxed);
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

void HashedFiles::work() {
  std::optional<Digest> digest;
  for (std::size_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < files_.size();) {
    try {  // what a thread threw would end the process
      if (!digest) digest.emplace();
      if (const int error = hash_file(*digest, files_[i], hashes_[i])) errors_[i] = {error, os::last_error()};
    } catch (const std::exception& problem) {
      errors_[i] = {-ENOMEM, "log " + dir_ + "/" + files_[i].name + ": cannot hash it: " + problem.what()};
    }
  }
}

int HashedFiles::hash_file(Digest& digest, const LogFile& file, FileHashes& out) const {
  std::unique_ptr<ByteSource> source;
  if (const int error = open_source(directory_, dir_, file, source)) return error;
  LineReader lines;
  lines.read(std::move(source));
  Pieces pieces(digest, sizes_, out.pieces);
  std::string_view text;
  int got = 0;
  for (u64 index = file.first_index; index < file.end && (got = lines.next(text)) == 1; ++index) {
    Parsed line{};
    Mistake mistake{};
    if (index == file.first_index && parse(text, line, mistake) && line.kind == Kind::accounts) out.tree = std::move(line.tree);
    if (index >= base_) pieces.add(index - base_, digest.leaf({text.data(), text.size() + 1}));  // with its newline
  }
  if (got != -EFBIG) return std::min(got, 0);
  return os::fail(EBADMSG, "log %s/%s: a line is longer than any line of a log", dir_.c_str(), file.name.c_str());
}

int HashedFiles::join(std::vector<FileHashes>& out) {
  work();  // what is left, also if there was no thread to be had
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  for (const auto& [error, text] : errors_)
    if (error != 0) return os::fail(-error, "%s", text.c_str());
  out = std::move(hashes_);
  return 0;
}

}  // namespace shmring::log
