// Directories of the hosts' logs, in memory, beside the archive's Machine: whatever is written to them is there. Paths begin
// with /host, and each names one flat directory.
//
// Invariant: one Files at a time, made behind the Machine, in whose table of calls it stands first.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/os/calls.hpp"

namespace sim {

struct HostFile {
  std::string bytes;
  mode_t mode = 0;
  unsigned long inode = 0;
};
using HostDirectory = std::map<std::string, std::shared_ptr<HostFile>>;

class Files {
 public:
  Files();
  ~Files();
  Files(const Files&) = delete;

  HostDirectory& directory(const std::string& path) { return directories_[path]; }
  std::shared_ptr<HostFile> make(const std::string& path, const std::string& name, mode_t mode);
  // Is called before each file that is opened below a path: a host does something while its log is read.
  std::function<void(const std::string& path)> meanwhile;

  static constexpr unsigned long device = 78;

 private:
  friend struct HostEntry;
  struct Descriptor {
    std::string path;                // of the directory, or in which the file is
    std::shared_ptr<HostFile> file;  // none: it is the directory
    bool is_open = false;
    std::size_t at = 0;
  };
  int open(Descriptor descriptor);

  std::map<std::string, HostDirectory> directories_;
  std::vector<Descriptor> descriptors_;
  unsigned long next_inode_ = 1;
  shmring::os::Calls below_;
};

}  // namespace sim
