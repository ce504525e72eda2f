// The lines of a log's files as hashes, computed on all cores, a share of a file at a time.
//
// A tree cannot be told from its leaves' files alone, since a file ends anywhere. So each share yields the complete subtrees
// in its range, and whoever joins the files in order has the frontier behind each, and at each size that was asked for.
//
// Invariants:
//   - the lines of a file are those of its range, as all readers take them; a tail without a newline is not one;
//   - a share that does not begin a file takes its first line's index from that line. The line may lie: a file whose shares do
//     not follow one another is hashed again, from its beginning;
//   - memory is bounded by the sizes that are asked for and the shares, not by the lines.
// Thread role: begin() and join() are called by one thread. In between, other threads read files, and the caller may do what it
// likes.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/log/files/names.hpp"
#include "lib/log/seal/hash.hpp"

namespace shmring::log {

// Leaves [first, end) of one file; no size that was asked for lies inside.
struct Piece {
  u64 first = 0, end = 0;
  std::vector<std::pair<unsigned, Hash>> subtrees;  // level and hash, from left to right
};

struct FileHashes {
  std::vector<Piece> pieces;
  std::optional<TreeState> tree;  // what its first line says
};

// Adds a complete subtree at a frontier's end. Its level must fit the frontier's size.
void add_subtree(Digest& digest, Frontier& frontier, unsigned level, Hash hash);

class HashedFiles {
 public:
  // Hashes the lines from index `base` on. `sizes` are in order. At most `threads` of them work at a time; at least one does.
  // A file that is not compressed is shared out by so many bytes.
  void begin(int directory, std::string dir, std::vector<LogFile> files, u64 base, std::vector<u64> sizes, unsigned threads,
             u64 share_bytes);
  ~HashedFiles();

  // Waits for the threads. Returns 0 and the hashes, in the order of the files, or −errno with its text.
  int join(std::vector<FileHashes>& out);

 private:
  // The lines that begin in these bytes of a file.
  struct Share {
    std::size_t file;
    u64 from, to;
    FileHashes hashes{};
    bool has_lines = false;
    u64 first = 0, end = 0;  // the indexes of those lines
    int error = 0;
    std::string why{};
  };

  void share_out(std::size_t file, u64 share_bytes);
  void work();
  int hash(Digest& digest, Share& share) const;
  int put_together(std::size_t file, std::size_t& share, FileHashes& out);

  int directory_ = -1;
  std::string dir_;
  std::vector<LogFile> files_;
  u64 base_ = 0;
  std::vector<u64> sizes_;
  std::atomic<std::size_t> next_{0};
  std::vector<Share> shares_;  // in the order of the files, and of their bytes
  std::vector<std::thread> threads_;
};

}  // namespace shmring::log
