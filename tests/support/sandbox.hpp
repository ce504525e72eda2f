// A directory of its own for rings, descriptors counted, a pipe that is full, and code run in a child process.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace shmring::test {

// SHMRING_DIR for the test's life; removed with all that is in it.
class Sandbox {
 public:
  Sandbox();
  explicit Sandbox(const std::string& parent);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;

  std::string file(std::string_view ring) const;
  bool empty() const;

  // Overwrite bytes of a ring's file, or of another file in it.
  template <class T>
  void poke(std::string_view ring, std::size_t at, T value) const {
    poke_bytes(ring, at, &value, sizeof value);
  }
  void poke_bytes(std::string_view ring, std::size_t at, const void* value, std::size_t bytes) const;

  std::string path;
};

int open_descriptors();

// A pipe of two pages, for somebody's standard error.
class SmallPipe {
 public:
  SmallPipe();
  ~SmallPipe() { ::close(ends_[0]), ::close(ends_[1]); }
  SmallPipe(const SmallPipe&) = delete;

  void become_standard_error() const { ::dup2(ends_[1], 2); }
  // Who writes to it from now on is held up.
  void fill() const;
  // What is in it, but what filled it.
  std::string drain() const;

 private:
  int ends_[2];
};

// Run `body` in a forked child and return what it returns; "died" if it did not get so far.
std::string in_child(const std::function<std::string()>& body);

}  // namespace shmring::test
