// A disk with a page cache that keeps as few promises as a kernel may. What processes see and what the disk has are two states.
//
// Invariants:
//   - a sync of a file makes its pages and its size durable, and with its mode if that is asked for; a sync of a directory
//     makes its changes durable. Nothing else is promised;
//   - whatever was not synced may reach the disk at any time, each page, size, mode and change of a directory by itself, in any
//     order. A size without its pages leaves zeros, and pages without a size are lost. A rename is one change;
//   - a page that the disk does not take counts as clean from then on. That is told once to each open file of the inode, and to
//     one that is opened later only if nobody was told yet. Such a page may be dropped; then it is read from the disk again;
//   - the dice decide all of it, so that a seed replays it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace sim {

using u64 = std::uint64_t;

// Small and copied freely, since each history has several.
class Dice {
 public:
  explicit Dice(u64 seed) : state_(seed) {}
  u64 next() {
    u64 z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  u64 below(u64 limit) { return next() % limit; }
  u64 from_to(u64 low, u64 high) { return low + below(high - low + 1); }
  // Once in so many times; 0: never.
  bool once_in(u64 times) { return times != 0 && below(times) == 0; }
  bool percent(u64 share) { return below(100) < share; }

 private:
  u64 state_;
};

// A change of a directory. Without `to` a name is removed; without `from` one is added; with both it is a rename.
struct Change {
  std::string from, to;
  u64 inode;
  u64 number;  // in the order in which they were made
};

struct Inode {
  bool is_directory = false;
  mode_t mode = 0;
  std::string bytes;                 // what processes see; and of a directory:
  std::map<std::string, u64> names;  // the inode of each name

  mode_t disk_mode = 0;
  std::string disk_bytes;  // it may go on behind the size
  u64 disk_size = 0;
  std::map<std::string, u64> disk_names;
  std::map<std::string, u64> disk_numbers;  // the change that set a name last

  std::set<u64> dirty, lost;  // pages; lost: the disk did not take them, and nobody will write them again
  bool is_size_dirty = false, is_mode_dirty = false;
  u64 cut_to = ~u64{0};  // the smallest size that the disk has not heard of yet
  std::vector<Change> changes;
  u64 errors = 0;  // so far
  bool is_told = true;
};

class Disk {
 public:
  Disk(u64 seed, u64 page_bytes);

  static constexpr u64 root = 1;

  // What processes do.
  u64 make(u64 directory, const std::string& name, bool is_directory, mode_t mode);
  void change(u64 directory, const std::string& from, const std::string& to);
  void link(u64 directory, const std::string& from, const std::string& to);
  void write(u64 inode, u64 at, const char* data, u64 bytes);
  void truncate(u64 inode, u64 bytes);
  void set_mode(u64 inode, mode_t mode);
  // Returns 0 or EIO. `seen` is how many of the inode's errors this open file was told of.
  int sync(u64 inode, bool with_mode, u64& seen);
  u64 seen_at_open(u64 inode) const;
  // Returns 0 if there is none.
  u64 find(u64 directory, const std::string& name) const;
  Inode& at(u64 inode) { return inodes_.at(inode); }
  const Inode& at(u64 inode) const { return inodes_.at(inode); }
  const std::map<u64, Inode>& inodes() const { return inodes_; }  // those without a name, too: their blocks were not given away

  // Another process begins. Lost pages that were not dropped by then stay until the power fails: nothing can be done about a
  // page that is dropped while it is read.
  void begin_process();
  // What the kernel does whenever it likes: something reaches the disk, or a lost page is dropped.
  void breathe();
  // Nothing is left but what the disk has, and what reaches it at the last moment.
  void cut_power(u64 seed);

  // Once in so many times the disk does not take a page or a directory; 0: it takes all.
  void set_trouble(u64 once_in) { trouble_ = once_in; }
  // How many lost pages were dropped, so that what processes see went back.
  u64 dropped() const { return dropped_; }
  u64 page_bytes() const { return page_bytes_; }

 private:
  bool flush_page(Inode& inode, u64 page);
  void store_page(Inode& inode, u64 page);
  void flush_size(Inode& inode);
  void forget_what_was_cut(Inode& inode);
  void flush_mode(Inode& inode);
  static void flush_change(Inode& inode, const Change& change);
  bool sync_directory(Inode& inode);
  void drop(Inode& inode, u64 page);
  void fail(Inode& inode) { ++inode.errors, inode.is_told = false; }

  Dice dice_;
  u64 page_bytes_;
  std::map<u64, Inode> inodes_;
  u64 next_inode_ = root + 1, next_change_ = 1;
  u64 trouble_ = 0, dropped_ = 0;
};

}  // namespace sim
