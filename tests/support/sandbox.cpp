// A directory, descriptors, a pipe, a child: see sandbox.hpp.
#include "tests/support/sandbox.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace shmring::test {

Sandbox::Sandbox() : Sandbox(std::filesystem::temp_directory_path().string()) {}

Sandbox::Sandbox(const std::string& parent) : path((std::filesystem::path(parent) / "shmring-test-XXXXXX").string()) {
  if (::mkdtemp(path.data()) == nullptr) std::perror(path.c_str()), std::abort();
  std::filesystem::permissions(path, std::filesystem::perms(0755));  // for tests that give up root's rights
  ::setenv("SHMRING_DIR", path.c_str(), 1);
}

Sandbox::~Sandbox() {
  ::unsetenv("SHMRING_DIR");
  std::filesystem::remove_all(path);
}

std::string Sandbox::file(std::string_view ring) const { return path + "/shmring." + std::string(ring); }

bool Sandbox::empty() const { return std::filesystem::is_empty(path); }

void Sandbox::poke_bytes(std::string_view ring, std::size_t at, const void* value, std::size_t bytes) const {
  const int fd = ::open(file(ring).c_str(), O_WRONLY | O_CLOEXEC);
  if (::pwrite(fd, value, bytes, static_cast<off_t>(at)) != static_cast<ssize_t>(bytes)) std::perror("poke");
  ::close(fd);
}

int open_descriptors() {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

SmallPipe::SmallPipe() {
  if (::pipe2(ends_, O_CLOEXEC) != 0 || ::fcntl(ends_[1], F_SETPIPE_SZ, 8192) != 8192) std::perror("pipe"), std::abort();
  ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
}

void SmallPipe::fill() const {
  ::fcntl(ends_[1], F_SETFL, O_NONBLOCK);
  while (::write(ends_[1], "x", 1) == 1) {
  }
  ::fcntl(ends_[1], F_SETFL, 0);
}

std::string SmallPipe::drain() const {
  std::string text(1 << 16, ' ');
  const ssize_t bytes = ::read(ends_[0], text.data(), text.size());
  text.resize(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
  return text.substr(std::min(text.find_first_not_of('x'), text.size()));
}

std::string in_child(const std::function<std::string()>& body) {
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
