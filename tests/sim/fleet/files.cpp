// Directories of logs in memory: see files.hpp.
#include "tests/sim/fleet/files.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace sim {
namespace {

namespace os = shmring::os;

constexpr int first_descriptor = 1 << 24;
constexpr std::string_view top = "/host";

Files* files = nullptr;

int failed(int error) { return errno = error, -1; }

struct Listing {
  int fd;
  std::vector<std::string> names;
  std::size_t at = 0;
  dirent entry{};
};
std::vector<Listing*> listings;

}  // namespace

struct HostEntry {
  static Files::Descriptor* of(int fd) {
    if (fd < first_descriptor) return nullptr;
    return &files->descriptors_.at(static_cast<std::size_t>(fd - first_descriptor));
  }

  static int openat(int dir, const char* path, int flags, mode_t mode) {
    const Files::Descriptor* const directory = of(dir);
    const std::string name(path);
    if (directory == nullptr && !name.starts_with(top)) return files->below_.openat(dir, path, flags, mode);
    const std::string where = directory == nullptr ? name : directory->path;
    if (directory == nullptr || name == ".") {
      if (!files->directories_.contains(where)) return failed(ENOENT);
      return files->open({where, nullptr, true, 0});
    }
    if (files->meanwhile) files->meanwhile(where);
    HostDirectory& names = files->directories_[where];
    const auto there = names.find(name);
    if (there != names.end() && (flags & O_EXCL)) return failed(EEXIST);
    if (there == names.end() && !(flags & O_CREAT)) return failed(ENOENT);
    const std::shared_ptr<HostFile> file = there != names.end() ? there->second : files->make(where, name, mode);
    if (flags & O_TRUNC) file->bytes.clear();
    return files->open({where, file, true, 0});
  }
  static int close(int fd) {
    Files::Descriptor* const open = of(fd);
    if (open == nullptr) return files->below_.close(fd);
    *open = {};
    return 0;
  }
  static ssize_t pread(int fd, void* buffer, std::size_t bytes, off_t at) {
    const Files::Descriptor* const open = of(fd);
    if (open == nullptr) return files->below_.pread(fd, buffer, bytes, at);
    const std::string& all = open->file->bytes;
    const auto from = std::min(static_cast<std::size_t>(at), all.size());
    const std::size_t got = std::min(bytes, all.size() - from);
    std::memcpy(buffer, all.data() + from, got);
    return static_cast<ssize_t>(got);
  }
  static ssize_t write(int fd, const void* data, std::size_t bytes) {
    Files::Descriptor* const open = of(fd);
    if (open == nullptr) return files->below_.write(fd, data, bytes);
    open->file->bytes.append(static_cast<const char*>(data), bytes);
    return static_cast<ssize_t>(bytes);
  }
  static int fstat(int fd, struct stat* out) {
    const Files::Descriptor* const open = of(fd);
    return open == nullptr ? files->below_.fstat(fd, out) : look(open->path, open->file.get(), out);
  }
  static int look(const std::string& path, const HostFile* file, struct stat* out) {
    *out = {};
    out->st_dev = Files::device;
    out->st_mode = file == nullptr ? S_IFDIR | 0750 : S_IFREG | file->mode;
    out->st_ino = file == nullptr ? std::hash<std::string>()(path) : file->inode;
    out->st_size = file == nullptr ? 0 : static_cast<off_t>(file->bytes.size());
    return 0;
  }
  static int fstatat(int dir, const char* path, struct stat* out, int flags) {
    const Files::Descriptor* const directory = of(dir);
    if (directory == nullptr) return files->below_.fstatat(dir, path, out, flags);
    const HostDirectory& names = files->directories_[directory->path];
    const auto there = names.find(path);
    return there == names.end() ? failed(ENOENT) : look(directory->path, there->second.get(), out);
  }
  static int unlinkat(int dir, const char* path, int flags) {
    const Files::Descriptor* const directory = of(dir);
    if (directory == nullptr) return files->below_.unlinkat(dir, path, flags);
    return files->directories_[directory->path].erase(path) > 0 ? 0 : failed(ENOENT);
  }
  static int renameat(int from_dir, const char* from, int to_dir, const char* to) {
    const Files::Descriptor* const directory = of(from_dir);
    if (directory == nullptr) return files->below_.renameat(from_dir, from, to_dir, to);
    HostDirectory& names = files->directories_[directory->path];
    const auto there = names.find(from);
    if (there == names.end()) return failed(ENOENT);
    names[to] = there->second;
    names.erase(from);
    return 0;
  }
  static int fsync(int fd) { return of(fd) == nullptr ? files->below_.fsync(fd) : 0; }
  static int fdatasync(int fd) { return of(fd) == nullptr ? files->below_.fdatasync(fd) : 0; }
  static int fchmod(int fd, mode_t mode) { return of(fd) == nullptr ? files->below_.fchmod(fd, mode) : 0; }

  static DIR* fdopendir(int fd) {
    if (of(fd) == nullptr) return files->below_.fdopendir(fd);
    listings.push_back(new Listing{fd, {}, 0, {}});
    for (const auto& [name, file] : files->directories_[of(fd)->path]) listings.back()->names.push_back(name);
    return reinterpret_cast<DIR*>(listings.back());
  }
  static auto listing_of(DIR* dir) { return std::ranges::find(listings, reinterpret_cast<Listing*>(dir)); }
  static dirent* readdir(DIR* dir) {
    const auto found = listing_of(dir);
    if (found == listings.end()) return files->below_.readdir(dir);
    Listing& listing = **found;
    if (listing.at == listing.names.size()) return nullptr;
    std::strncpy(listing.entry.d_name, listing.names[listing.at++].c_str(), sizeof listing.entry.d_name - 1);
    return &listing.entry;
  }
  static int closedir(DIR* dir) {
    const auto found = listing_of(dir);
    if (found == listings.end()) return files->below_.closedir(dir);
    close((*found)->fd);
    delete *found;
    listings.erase(found);
    return 0;
  }
};

Files::Files() : below_(os::calls) {
  files = this;
  os::Calls& calls = os::calls;
  calls.openat = HostEntry::openat, calls.close = HostEntry::close, calls.pread = HostEntry::pread;
  calls.write = HostEntry::write, calls.fstat = HostEntry::fstat, calls.fstatat = HostEntry::fstatat;
  calls.unlinkat = HostEntry::unlinkat, calls.renameat = HostEntry::renameat, calls.fsync = HostEntry::fsync;
  calls.fdatasync = HostEntry::fdatasync, calls.fchmod = HostEntry::fchmod, calls.fdopendir = HostEntry::fdopendir;
  calls.readdir = HostEntry::readdir, calls.closedir = HostEntry::closedir;
  calls.fchown = [](int, uid_t, gid_t) { return 0; };
}

Files::~Files() { os::calls = below_; }

std::shared_ptr<HostFile> Files::make(const std::string& path, const std::string& name, mode_t mode) {
  return directories_[path][name] = std::make_shared<HostFile>(HostFile{{}, mode, next_inode_++});
}

int Files::open(Descriptor descriptor) {
  auto free = std::ranges::find_if(descriptors_, [](const Descriptor& open) { return !open.is_open; });
  if (free == descriptors_.end()) free = descriptors_.insert(free, Descriptor{});
  *free = std::move(descriptor);
  return first_descriptor + static_cast<int>(free - descriptors_.begin());
}

}  // namespace sim
