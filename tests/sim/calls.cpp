// What stands in the table of system calls while a Machine lives: see machine.hpp.
//
// Invariant: a call that only looks never fails, and is no point at which a process may end: nothing distinguishes it from the
// next one that changes anything.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tests/sim/machine.hpp"

namespace sim {
namespace {

namespace os = shmring::os;

constexpr int first_descriptor = 1 << 20;
constexpr std::string_view top = "/sim";
constexpr std::string_view boot_id_path = "/proc/sys/kernel/random/boot_id";
constexpr u64 device = 77;

Machine* machine = nullptr;

bool is_simulated(int dir, const char* path) {
  return dir >= first_descriptor || (dir == AT_FDCWD && std::string_view(path).starts_with(top));
}

int failed(int error) { return errno = error, -1; }

}  // namespace

// What readdir has still to return.
struct Machine::Listing {
  int fd;
  std::vector<std::string> names;
  std::size_t at = 0;
  dirent entry{};
};

struct Entry {
  // Does what the dice say with a call that matters. `body` returns the call's result, with errno.
  template <class F>
  static int through(const char* call, const std::string& what, F body) {
    const Machine::Fate fate = machine->fate(call, what);
    if (fate == Machine::Fate::cut_before) throw Cut{};
    if (fate == Machine::Fate::failed) return failed(machine->error_of_trouble());
    const int result = body();
    if (fate == Machine::Fate::cut_midst || fate == Machine::Fate::cut_behind) throw Cut{};
    return fate == Machine::Fate::failed_but_done ? failed(machine->error_of_trouble()) : result;
  }

  static int openat(int dir, const char* path, int flags, mode_t mode) {
    if (path == boot_id_path) return machine->open_inode(0, flags);
    if (!is_simulated(dir, path)) return machine->real_.openat(dir, path, flags, mode);
    if (flags & O_CREAT) machine->take_turn();
    u64 directory;
    std::string name;
    if (const u64 there = machine->walk(dir, path, directory, name)) {
      if ((flags & O_EXCL) && (flags & O_CREAT)) return failed(EEXIST);
      if ((flags & O_DIRECTORY) && !machine->disk.at(there).is_directory) return failed(ENOTDIR);
      return machine->open_inode(there, flags);
    }
    if (!(flags & O_CREAT) || directory == 0) return failed(ENOENT);
    int fd = -1;
    const int result = through("create", name, [&] { return machine->disk.make(directory, name, false, mode), 0; });
    if (result == 0) fd = machine->open_inode(machine->disk.find(directory, name), flags);
    return fd;
  }

  static int close(int fd) {
    if (fd < first_descriptor) return machine->real_.close(fd);
    if (Machine::Descriptor* const open = machine->descriptor(fd)) *open = {};
    return 0;
  }

  static ssize_t pread(int fd, void* buffer, std::size_t bytes, off_t at) {
    if (fd < first_descriptor) return machine->real_.pread(fd, buffer, bytes, at);
    const Machine::Descriptor* const open = machine->descriptor(fd);
    if (open == nullptr) return failed(EBADF);
    const std::string& all = open->inode == 0 ? machine->boot_id_ : machine->disk.at(open->inode).bytes;
    const auto from = std::min(static_cast<std::size_t>(at), all.size());
    const std::size_t got = std::min(bytes, all.size() - from);
    std::memcpy(buffer, all.data() + from, got);
    return static_cast<ssize_t>(got);
  }

  static ssize_t write_at(u64 inode, const void* data, std::size_t bytes, u64 at) {
    const auto store = [&](u64 some) { machine->disk.write(inode, at, static_cast<const char*>(data), some); };
    const Machine::Fate fate =
        machine->fate("write", std::to_string(bytes) + " bytes to " + std::to_string(inode) + " at " + std::to_string(at));
    const u64 some = machine->dice_.below(bytes + 1);
    switch (fate) {
      case Machine::Fate::cut_before: throw Cut{};
      case Machine::Fate::cut_midst: store(some); throw Cut{};
      case Machine::Fate::cut_behind: store(bytes); throw Cut{};
      case Machine::Fate::failed:
        if (machine->dice_.once_in(2) && some > 0) return store(some), static_cast<ssize_t>(some);
        return failed(machine->error_of_trouble());
      case Machine::Fate::failed_but_done: store(machine->dice_.once_in(2) ? bytes : some); return failed(EIO);
      default: store(bytes); return static_cast<ssize_t>(bytes);
    }
  }

  static ssize_t write(int fd, const void* data, std::size_t bytes) {
    if (fd < first_descriptor) return machine->real_.write(fd, data, bytes);
    machine->take_turn();
    const Machine::Descriptor* const open = machine->descriptor(fd);
    if (open == nullptr || !(open->flags & O_APPEND)) return failed(EBADF);  // nobody writes a log but at its end
    const u64 inode = open->inode;
    return write_at(inode, data, bytes, machine->disk.at(inode).bytes.size());
  }

  static ssize_t pwrite(int fd, const void* data, std::size_t bytes, off_t at) {
    if (fd < first_descriptor) return machine->real_.pwrite(fd, data, bytes, at);
    machine->take_turn();
    const Machine::Descriptor* const open = machine->descriptor(fd);
    return open == nullptr ? failed(EBADF) : write_at(open->inode, data, bytes, static_cast<u64>(at));
  }

  // Calls `body` with the inode of an open file.
  template <class F>
  static int on_file(const char* call, int fd, F body) {
    machine->take_turn();
    const Machine::Descriptor* const open = machine->descriptor(fd);
    if (open == nullptr) return failed(EBADF);
    const u64 inode = open->inode;
    return through(call, std::to_string(inode), [&] { return body(inode), 0; });
  }

  static int ftruncate(int fd, off_t bytes) {
    if (fd < first_descriptor) return machine->real_.ftruncate(fd, bytes);
    return on_file("truncate", fd, [&](u64 inode) { machine->disk.truncate(inode, static_cast<u64>(bytes)); });
  }
  static int fchmod(int fd, mode_t mode) {
    if (fd < first_descriptor) return machine->real_.fchmod(fd, mode);
    return on_file("chmod", fd, [&](u64 inode) { machine->disk.set_mode(inode, mode); });
  }
  static int sync(int fd, bool with_mode) {
    machine->take_turn();
    Machine::Descriptor* const open = machine->descriptor(fd);
    if (open == nullptr) return failed(EBADF);
    return through("sync", std::to_string(open->inode), [&] {
      const int error = machine->disk.sync(open->inode, with_mode, open->seen);
      if (error != 0) machine->tell("    it failed");
      return error == 0 ? 0 : failed(error);
    });
  }
  static int fsync(int fd) { return fd < first_descriptor ? machine->real_.fsync(fd) : sync(fd, true); }
  static int fdatasync(int fd) { return fd < first_descriptor ? machine->real_.fdatasync(fd) : sync(fd, false); }

  static int look(u64 inode, struct stat* out) {
    const Inode& found = machine->disk.at(inode);
    *out = {};
    out->st_dev = device, out->st_ino = inode, out->st_nlink = found.is_directory ? 2 : 1;
    out->st_mode = (found.is_directory ? S_IFDIR : S_IFREG) | found.mode;
    out->st_size = static_cast<off_t>(found.bytes.size());
    return 0;
  }
  static int fstat(int fd, struct stat* out) {
    if (fd < first_descriptor) return machine->real_.fstat(fd, out);
    const Machine::Descriptor* const open = machine->descriptor(fd);
    return open == nullptr ? failed(EBADF) : look(open->inode, out);
  }
  static int fstatat(int dir, const char* path, struct stat* out, int flags) {
    if (!is_simulated(dir, path)) {
      if (!std::string_view(path).starts_with("/proc/self/ns/")) return machine->real_.fstatat(dir, path, out, flags);
      *out = {};
      return out->st_ino = 1, 0;
    }
    u64 directory;
    std::string name;
    const u64 there = machine->walk(dir, path, directory, name);
    return there == 0 ? failed(ENOENT) : look(there, out);
  }
  static int fstatfs(int fd, struct statfs* out) {
    if (fd < first_descriptor) return machine->real_.fstatfs(fd, out);
    *out = {};
    out->f_bsize = 4096, out->f_blocks = out->f_bavail = out->f_bfree = u64{1} << 30;
    return 0;
  }

  static int mkdirat(int dir, const char* path, mode_t mode) {
    if (!is_simulated(dir, path)) return machine->real_.mkdirat(dir, path, mode);
    machine->take_turn();
    u64 directory;
    std::string name;
    if (machine->walk(dir, path, directory, name) != 0) return failed(EEXIST);
    return through("mkdir", name, [&] { return machine->disk.make(directory, name, true, mode), 0; });
  }
  static int unlinkat(int dir, const char* path, int flags) {
    if (!is_simulated(dir, path)) return machine->real_.unlinkat(dir, path, flags);
    machine->take_turn();
    u64 directory;
    std::string name;
    const u64 there = machine->walk(dir, path, directory, name);
    if (there == 0) return failed(ENOENT);
    if (machine->disk.at(there).is_directory != ((flags & AT_REMOVEDIR) != 0)) return failed(flags == 0 ? EISDIR : ENOTDIR);
    if (!machine->disk.at(there).names.empty()) return failed(ENOTEMPTY);
    return through("unlink", name, [&] { return machine->disk.change(directory, name, ""), 0; });
  }
  static int renameat2(int from_dir, const char* from, int to_dir, const char* to, unsigned flags) {
    if (!is_simulated(from_dir, from)) return machine->real_.renameat2(from_dir, from, to_dir, to, flags);
    if (machine->is_rename_old_ && flags != 0) return failed(EINVAL);
    machine->take_turn();
    u64 directory, other;
    std::string name, new_name;
    if (machine->walk(from_dir, from, directory, name) == 0) return failed(ENOENT);
    if (machine->walk(to_dir, to, other, new_name) != 0) return failed(EEXIST);
    return through("rename", name + " to " + new_name, [&] { return machine->disk.change(directory, name, new_name), 0; });
  }
  static int renameat(int from_dir, const char* from, int to_dir, const char* to) {
    if (!is_simulated(from_dir, from)) return machine->real_.renameat(from_dir, from, to_dir, to);
    machine->take_turn();
    u64 directory, other;
    std::string name, new_name;
    if (machine->walk(from_dir, from, directory, name) == 0) return failed(ENOENT);
    machine->walk(to_dir, to, other, new_name);
    return through("rename", name + " over " + new_name, [&] { return machine->disk.change(directory, name, new_name), 0; });
  }
  static int linkat(int from_dir, const char* from, int to_dir, const char* to, int flags) {
    if (!is_simulated(from_dir, from)) return machine->real_.linkat(from_dir, from, to_dir, to, flags);
    machine->take_turn();
    u64 directory, other;
    std::string name, new_name;
    if (machine->walk(from_dir, from, directory, name) == 0) return failed(ENOENT);
    if (machine->walk(to_dir, to, other, new_name) != 0) return failed(EEXIST);
    return through("link", name + " to " + new_name, [&] { return machine->disk.link(directory, name, new_name), 0; });
  }

  static DIR* fdopendir(int fd) {
    if (fd < first_descriptor) return machine->real_.fdopendir(fd);
    auto* const listing = new Machine::Listing{fd, {}, 0, {}};
    for (const auto& [name, inode] : machine->disk.at(machine->descriptor(fd)->inode).names) listing->names.push_back(name);
    std::ranges::reverse(listing->names);  // a directory has no order
    return reinterpret_cast<DIR*>(listing);
  }
  static dirent* readdir(DIR* dir) {
    auto* const listing = reinterpret_cast<Machine::Listing*>(dir);
    if (listing->at == listing->names.size()) return nullptr;
    const std::string& name = listing->names[listing->at++];
    std::snprintf(listing->entry.d_name, sizeof listing->entry.d_name, "%s", name.c_str());
    return &listing->entry;
  }
  static int closedir(DIR* dir) {
    auto* const listing = reinterpret_cast<Machine::Listing*>(dir);
    close(listing->fd);
    delete listing;
    return 0;
  }

  static int clock_gettime(clockid_t, timespec* out) {
    out->tv_sec = static_cast<time_t>(machine->utc_ns / 1'000'000'000);
    out->tv_nsec = static_cast<long>(machine->utc_ns % 1'000'000'000);
    return 0;
  }
};

Machine::Descriptor* Machine::descriptor(int fd) {
  const auto at = static_cast<std::size_t>(fd - first_descriptor);
  return fd >= first_descriptor && at < descriptors_.size() && descriptors_[at].is_open ? &descriptors_[at] : nullptr;
}

int Machine::open_inode(u64 inode, int flags) {
  auto free = std::ranges::find_if(descriptors_, [](const Descriptor& open) { return !open.is_open; });
  if (free == descriptors_.end()) free = descriptors_.insert(free, Descriptor{});
  *free = {inode, flags, inode == 0 ? 0 : disk.seen_at_open(inode), true};
  return first_descriptor + static_cast<int>(free - descriptors_.begin());
}

// Sets the directory that has the name, and returns the inode of that name. Each is 0 if it is not there.
u64 Machine::walk(int dir, const char* path, u64& directory, std::string& name) {
  std::string_view rest(path);
  u64 at = Disk::root;
  if (dir == AT_FDCWD) {
    rest.remove_prefix(top.size());
  } else {
    at = descriptor(dir)->inode;
  }
  directory = at;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (name.empty() || name == ".") continue;
    directory = at;
    if (at != 0) at = name == ".." ? Disk::root : disk.find(at, name);
  }
  return at;
}

void Machine::install() {
  machine = this;
  os::Calls& calls = os::calls;
  calls.openat = Entry::openat, calls.close = Entry::close, calls.pread = Entry::pread, calls.write = Entry::write;
  calls.pwrite = Entry::pwrite, calls.ftruncate = Entry::ftruncate, calls.fchmod = Entry::fchmod;
  calls.fsync = Entry::fsync, calls.fdatasync = Entry::fdatasync, calls.fstat = Entry::fstat;
  calls.fstatat = Entry::fstatat, calls.fstatfs = Entry::fstatfs, calls.mkdirat = Entry::mkdirat;
  calls.unlinkat = Entry::unlinkat, calls.renameat2 = Entry::renameat2, calls.renameat = Entry::renameat,
  calls.linkat = Entry::linkat;
  calls.fdopendir = Entry::fdopendir, calls.readdir = Entry::readdir, calls.closedir = Entry::closedir;
  calls.flock = [](int, int) { return 0; };  // the process before has ended, and its lock with it
  calls.clock_gettime = Entry::clock_gettime;
  calls.geteuid = [] { return uid_t{0}; };  // as look() says
}

}  // namespace sim
