// A disk with a page cache that keeps as few promises as a kernel may: see disk.hpp.
#include "tests/sim/disk.hpp"

#include <algorithm>
#include <cerrno>

namespace sim {

Disk::Disk(u64 seed, u64 page_bytes) : dice_(seed), page_bytes_(page_bytes) {
  Inode& top = inodes_[root];
  top.is_directory = true, top.mode = top.disk_mode = 0755;
}

u64 Disk::find(u64 directory, const std::string& name) const {
  const auto& names = inodes_.at(directory).names;
  const auto found = names.find(name);
  return found == names.end() ? 0 : found->second;
}

u64 Disk::make(u64 directory, const std::string& name, bool is_directory, mode_t mode) {
  const u64 number = next_inode_++;
  Inode& made = inodes_[number];
  made.is_directory = is_directory, made.mode = made.disk_mode = mode;
  Inode& parent = inodes_.at(directory);
  parent.names[name] = number;
  parent.changes.push_back({"", name, number, next_change_++});
  return number;
}

void Disk::change(u64 directory, const std::string& from, const std::string& to) {
  Inode& parent = inodes_.at(directory);
  const u64 number = parent.names.at(from);
  parent.names.erase(from);
  if (!to.empty()) parent.names[to] = number;
  parent.changes.push_back({from, to, number, next_change_++});
}

void Disk::link(u64 directory, const std::string& from, const std::string& to) {
  Inode& parent = inodes_.at(directory);
  const u64 number = parent.names.at(from);
  parent.names[to] = number;
  parent.changes.push_back({"", to, number, next_change_++});
}

void Disk::write(u64 number, u64 at, const char* data, u64 bytes) {
  if (bytes == 0) return;
  Inode& inode = inodes_.at(number);
  if (at + bytes > inode.bytes.size()) inode.bytes.resize(at + bytes), inode.is_size_dirty = true;
  inode.bytes.replace(at, bytes, data, bytes);
  for (u64 page = at / page_bytes_; page <= (at + bytes - 1) / page_bytes_; ++page)
    inode.dirty.insert(page), inode.lost.erase(page);
}

void Disk::truncate(u64 number, u64 bytes) {
  Inode& inode = inodes_.at(number);
  const u64 before = inode.bytes.size();
  if (bytes == before) return;
  inode.bytes.resize(bytes);
  inode.is_size_dirty = true;
  if (bytes > before) return;
  inode.cut_to = std::min(inode.cut_to, bytes);
  const u64 gone = (bytes + page_bytes_ - 1) / page_bytes_;
  std::erase_if(inode.dirty, [gone](u64 page) { return page >= gone; });
  std::erase_if(inode.lost, [gone](u64 page) { return page >= gone; });
  if (bytes % page_bytes_ != 0) inode.dirty.insert(bytes / page_bytes_), inode.lost.erase(bytes / page_bytes_);
}

void Disk::set_mode(u64 number, mode_t mode) {
  Inode& inode = inodes_.at(number);
  inode.mode = mode, inode.is_mode_dirty = true;
}

u64 Disk::seen_at_open(u64 number) const {
  const Inode& inode = inodes_.at(number);
  return inode.is_told || inode.errors == 0 ? inode.errors : inode.errors - 1;
}

// Returns false if the disk did not take it. It may have it nevertheless.
bool Disk::flush_page(Inode& inode, u64 page) {
  inode.dirty.erase(page);
  const bool fails = dice_.once_in(trouble_);
  if (!fails || dice_.once_in(3)) {
    store_page(inode, page);
  } else {
    inode.lost.insert(page);
  }
  if (fails) fail(inode);
  return !fails;
}

void Disk::store_page(Inode& inode, u64 page) {
  const u64 from = page * page_bytes_, to = std::min(from + page_bytes_, inode.bytes.size());
  if (from >= to) return;
  if (from >= inode.cut_to) forget_what_was_cut(inode);  // its blocks were given back before they were taken again
  if (inode.disk_bytes.size() < from + page_bytes_) inode.disk_bytes.resize(from + page_bytes_);
  std::fill_n(inode.disk_bytes.begin() + static_cast<std::ptrdiff_t>(from), page_bytes_, '\0');
  inode.disk_bytes.replace(from, to - from, inode.bytes, from, to - from);
}

void Disk::forget_what_was_cut(Inode& inode) {
  if (inode.cut_to == ~u64{0}) return;
  inode.disk_size = std::min(inode.disk_size, inode.cut_to);
  const u64 kept = (inode.cut_to + page_bytes_ - 1) / page_bytes_ * page_bytes_;  // the last page stays, as it was
  if (inode.disk_bytes.size() > kept) inode.disk_bytes.resize(kept);
  inode.cut_to = ~u64{0};
}

void Disk::flush_size(Inode& inode) {
  if (!inode.is_size_dirty) return;
  forget_what_was_cut(inode);
  inode.disk_size = inode.bytes.size();
  if (inode.disk_bytes.size() < inode.disk_size) inode.disk_bytes.resize(inode.disk_size);
  inode.is_size_dirty = false;
}

void Disk::flush_mode(Inode& inode) { inode.disk_mode = inode.mode, inode.is_mode_dirty = false; }

void Disk::flush_change(Inode& inode, const Change& change) {
  const auto set = [&](const std::string& name, bool adds) {
    u64& last = inode.disk_numbers[name];
    if (name.empty() || last > change.number) return;  // the disk has a later change of this name
    last = change.number;
    if (adds) {
      inode.disk_names[name] = change.inode;
    } else if (const auto found = inode.disk_names.find(name);
               found != inode.disk_names.end() && found->second == change.inode) {
      inode.disk_names.erase(found);
    }
  };
  set(change.from, false);
  set(change.to, true);
}

// A change that a sync could not bring to the disk is there nevertheless, or waits for the next one, or is lost. Lost are names
// alone that are new: a removal that is undone later, behind the back of whoever was told that the disk takes all, could not be
// met by any log. The root takes all, since nobody can give a log's directory its name once more.
bool Disk::sync_directory(Inode& inode) {
  const bool fails = &inode != &inodes_.at(root) && !inode.changes.empty() && dice_.once_in(trouble_);
  std::vector<Change> waiting;
  for (const Change& change : inode.changes) {
    const bool adds = change.from.empty() || change.from.ends_with(".tmp");
    const u64 fate = fails ? dice_.below(adds ? 3 : 2) : 0;
    if (fate == 0) flush_change(inode, change);
    if (fate == 1) waiting.push_back(change);
  }
  inode.changes = std::move(waiting);
  return !fails;
}

int Disk::sync(u64 number, bool with_mode, u64& seen) {
  Inode& inode = inodes_.at(number);
  if (inode.is_directory) {
    if (!sync_directory(inode)) fail(inode);
  } else {
    while (!inode.dirty.empty()) flush_page(inode, *inode.dirty.begin());
    flush_size(inode);
  }
  if (with_mode || dice_.once_in(2)) flush_mode(inode);
  if (seen == inode.errors) return 0;
  seen = inode.errors, inode.is_told = true;
  return EIO;
}

void Disk::drop(Inode& inode, u64 page) {
  inode.lost.erase(page);
  const u64 from = page * page_bytes_, to = std::min(from + page_bytes_, inode.bytes.size());
  const std::string before = inode.bytes;
  for (u64 at = from; at < to; ++at) inode.bytes[at] = at < inode.disk_bytes.size() ? inode.disk_bytes[at] : '\0';
  dropped_ += before != inode.bytes;
}

void Disk::begin_process() {
  for (auto& [number, inode] : inodes_) {
    for (const u64 page : std::set<u64>(inode.lost))
      if (dice_.once_in(2)) drop(inode, page);
    inode.lost.clear();
  }
}

void Disk::breathe() {
  if (!dice_.once_in(4)) return;
  auto chosen = inodes_.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(dice_.below(inodes_.size())));
  Inode& inode = chosen->second;
  const auto any_of = [this](const std::set<u64>& pages) {
    auto page = pages.begin();
    std::advance(page, static_cast<std::ptrdiff_t>(dice_.below(pages.size())));
    return *page;
  };
  switch (dice_.below(5)) {
    case 0:
      if (!inode.dirty.empty()) flush_page(inode, any_of(inode.dirty));
      break;
    case 1: flush_size(inode); break;
    case 2: flush_mode(inode); break;
    case 3:
      if (inode.changes.empty()) break;
      chosen = inodes_.end();
      {
        const auto change = inode.changes.begin() + static_cast<std::ptrdiff_t>(dice_.below(inode.changes.size()));
        flush_change(inode, *change);
        inode.changes.erase(change);
      }
      break;
    default:
      if (!inode.lost.empty()) drop(inode, any_of(inode.lost));
  }
}

void Disk::cut_power(u64 seed) {
  Dice dice(seed);
  constexpr u64 shares[] = {0, 0, 20, 50, 80, 100, 100};
  const auto any = [&] { return shares[dice.below(std::size(shares))]; };
  const u64 of_pages = any(), of_sizes = any(), of_modes = any(), of_changes = any();
  for (auto& [number, inode] : inodes_) {
    for (const u64 page : std::set<u64>(inode.dirty))
      if (dice.percent(of_pages)) store_page(inode, page);
    if (dice.percent(of_sizes)) flush_size(inode);
    if (dice.percent(of_modes)) flush_mode(inode);
    for (const Change& change : inode.changes)
      if (dice.percent(of_changes)) flush_change(inode, change);
  }
  for (auto& [number, inode] : inodes_) {
    inode.bytes = inode.disk_bytes;
    inode.bytes.resize(inode.disk_size);
    inode.disk_bytes = inode.bytes;
    inode.names = inode.disk_names, inode.mode = inode.disk_mode;
    inode.dirty.clear(), inode.lost.clear(), inode.changes.clear();
    inode.is_size_dirty = inode.is_mode_dirty = false, inode.cut_to = ~u64{0};
    inode.errors = 0, inode.is_told = true;
  }
}

}  // namespace sim
