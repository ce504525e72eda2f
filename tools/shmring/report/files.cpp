// The files of a log as a report names them: with their sizes and hashes, of which `sha256sum` gives the same.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "lib/log/files/names.hpp"
#include "lib/log/seal/hash.hpp"
#include "lib/log/seal/kept.hpp"
#include "lib/log/seal/keys.hpp"
#include "lib/os/error.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/report/report.hpp"

namespace shmring::tool {
namespace {

constexpr std::size_t block_bytes = std::size_t{256} << 10;  // which the processor still has when it is hashed
constexpr std::size_t most_threads = 8;

// Opens the file, which may have been compressed since it was listed, and sets the name that it has now.
int open_now(int directory, const std::string& dir, std::string& name, os::Fd& out) {
  const int error = log::open_log_file(directory, dir, name, O_RDONLY, out);
  if (error != -ENOENT || name.ends_with(log::compressed_suffix)) return error;
  name += log::compressed_suffix;
  return log::open_log_file(directory, dir, name, O_RDONLY, out);
}

// Hashes so many bytes, or as many as there are.
int hash(int file, u64 most, log::Digest& digest, std::string& block, HashedFile& out) {
  digest.begin();
  while (out.bytes < most) {
    const ssize_t got = os::read_full(file, block.data(), std::min<u64>(block.size(), most - out.bytes), out.bytes);
    if (got < 0) return static_cast<int>(got);
    if (got == 0) break;
    digest.add({block.data(), static_cast<std::size_t>(got)});
    out.bytes += static_cast<u64>(got);
  }
  const log::Hash whole = digest.end();
  out.sha256 = hex_of(std::as_bytes(std::span(whole)));
  return 0;
}

// Hashes every n-th file from this one on. Nothing that it writes is another thread's.
void read_each(int directory, Report& report, std::size_t first, std::size_t n) {
  log::Digest digest;
  std::string block(block_bytes, '\0');
  for (std::size_t i = first; i < report.files.size(); i += n) {
    HashedFile& out = report.files[i];
    os::Fd file;
    struct stat status {};
    int error = open_now(directory, report.dir, out.lines.name, file);
    if (error == 0) error = os::result(os::calls.fstat(file.get(), &status));
    out.is_final = error == 0 && log::is_sealed(status.st_mode);
    if (error == 0) error = hash(file.get(), static_cast<u64>(status.st_size), digest, block, out);
    if (error == -ENOENT) out.problem = "removed meanwhile";
    if (error != 0 && error != -ENOENT) out.problem = std::strerror(-error);
  }
}

}  // namespace

int read_files(Report& report) {
  os::Fd directory;
  if (const int error = log::open_log_directory(report.dir, directory)) return error;
  for (const FileSum& sum : report.tally.files) report.files.emplace_back().lines = sum;
  const std::size_t threads = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, most_threads);
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < std::min(threads, report.files.size()); ++i)
    others.emplace_back(read_each, directory.get(), std::ref(report), i, threads);
  read_each(directory.get(), report, 0, threads);
  others.clear();
  const int error = log::read_kept(directory.get(), report.dir, log::checkpoint_name, report.newest_checkpoint);
  return error == -ENOENT ? 0 : error;
}

}  // namespace shmring::tool
