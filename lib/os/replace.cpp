// Writing a file anew: see replace.hpp.
#include "lib/os/replace.hpp"

#include <fcntl.h>

#include "lib/os/file.hpp"

namespace shmring::os {
namespace {

int replace(const std::string& path, const std::string& text, bool is_public) {
  const std::string next = path + ".tmp";
  calls.unlinkat(AT_FDCWD, next.c_str(), 0);
  Fd file;
  int error = open_at(AT_FDCWD, next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, is_public ? 0644 : 0666, file);
  if (error != 0) return error;
  if (is_public) error = result(calls.fchmod(file.get(), 0644));
  if (error == 0) error = write_full(file.get(), text.data(), text.size());
  if (error == 0) error = result(calls.renameat(AT_FDCWD, next.c_str(), AT_FDCWD, path.c_str()));
  if (error != 0) calls.unlinkat(AT_FDCWD, next.c_str(), 0);
  return error;
}

}  // namespace

int replace_public(const std::string& path, const std::string& text) { return replace(path, text, true); }
int replace_as_umask(const std::string& path, const std::string& text) { return replace(path, text, false); }

}  // namespace shmring::os
