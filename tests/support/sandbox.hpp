// A directory of its own for rings, descriptors counted, a pipe that is full, and code run in a child process.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace shmring::test {

// SHMRING_DIR for the test's life; removed with all that is in it.
class Sandbox {
 public:
  explicit Sandbox(const std::filesystem::path& parent = std::filesystem::temp_directory_path()) {
    std::string name = (parent / "shmring-test-XXXXXX").string();
    path = ::mkdtemp(name.data());
    std::filesystem::permissions(path, std::filesystem::perms(0755));  // for tests that give up root's rights
    ::setenv("SHMRING_DIR", path.c_str(), 1);
  }
  ~Sandbox() {
    ::unsetenv("SHMRING_DIR");
    std::filesystem::remove_all(path);
  }
  Sandbox(const Sandbox&) = delete;

  std::string file(std::string_view ring) const { return path + "/shmring." + std::string(ring); }
  bool empty() const { return std::filesystem::is_empty(path); }

  // Overwrite bytes of a ring's file, or of another file in it.
  template <class T>
  void poke(std::string_view ring, std::size_t at, T value) const {
    const int fd = ::open(file(ring).c_str(), O_WRONLY | O_CLOEXEC);
    if (::pwrite(fd, &value, sizeof value, static_cast<off_t>(at)) != static_cast<ssize_t>(sizeof value)) std::perror("poke");
    ::close(fd);
  }

  std::string path;
};

inline int open_descriptors() {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

// A pipe of two pages, for somebody's standard error.
class SmallPipe {
 public:
  SmallPipe() {
    if (::pipe2(ends_, O_CLOEXEC) != 0 || ::fcntl(ends_[1], F_SETPIPE_SZ, 8192) != 8192) std::perror("pipe"), std::abort();
    ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  ~SmallPipe() { ::close(ends_[0]), ::close(ends_[1]); }
  SmallPipe(const SmallPipe&) = delete;

  void become_standard_error() const { ::dup2(ends_[1], 2); }
  // Who writes to it from now on is held up.
  void fill() const {
    ::fcntl(ends_[1], F_SETFL, O_NONBLOCK);
    while (::write(ends_[1], "x", 1) == 1) {
    }
    ::fcntl(ends_[1], F_SETFL, 0);
  }
  // What is in it, but what filled it.
  std::string drain() const {
    std::string text(1 << 16, ' ');
    const ssize_t bytes = ::read(ends_[0], text.data(), text.size());
    text.resize(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
    return text.substr(std::min(text.find_first_not_of('x'), text.size()));
  }

 private:
  int ends_[2];
};

// Run `body` in a forked child and return what it returns; "died" if it did not get so far.
inline std::string in_child(const std::function<std::string()>& body) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string text = body();
    const bool sent = ::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::_exit(sent ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text;
  char chunk[1024];
  for (ssize_t n; (n = ::read(ends[0], chunk, sizeof chunk)) > 0;) text.append(chunk, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? text : "died";
}

}  // namespace shmring::test
