// What the commands about seals share: see seal_input.hpp.
#include "tools/shmring/seal_input.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/log/seal/text.hpp"
#include "lib/os/error.hpp"
#include "lib/os/file.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/text.hpp"

namespace shmring::tool {
namespace {

constexpr std::size_t most_bytes = std::size_t{256} << 20;  // a line has at most 128 MiB

std::string shown(const std::string& name) { return name == "-" ? "standard input" : safe(name); }

int read_all(int file, std::string& out) {
  char block[65536];
  while (out.size() <= most_bytes) {
    const ssize_t got = os::calls.read(file, block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0 ? 0 : -errno;
    out.append(block, static_cast<std::size_t>(got));
  }
  return -EFBIG;
}

}  // namespace

int read_input(const std::string& name, std::string& out) {
  os::Fd file;
  out.clear();
  int error = name == "-" ? 0 : os::open_at(AT_FDCWD, name.c_str(), O_RDONLY, 0, file);
  if (error == 0) error = read_all(name == "-" ? 0 : file.get(), out);
  if (error == 0) return 0;
  complain(fmt::format("cannot read {}: {}", shown(name), std::strerror(-error)));
  return error == -EFBIG ? damaged : exit_of(error);
}

int not_understood(const std::string& name, const log::Mistake& mistake) {
  complain(fmt::format("{}: expected {} at byte {}", shown(name), safe(mistake.expected), mistake.offset));
  return damaged;
}

int read_keys(const std::vector<std::string>& given, std::vector<log::VerifierKey>& out) {
  for (const std::string& text : given) {
    if (log::parse_verifier_key(text, out.emplace_back())) continue;
    out.pop_back();
    std::string file;
    if (const int status = read_input(text, file)) return status;
    log::TextReader lines(file);
    const std::size_t before = out.size();
    for (std::string_view line; lines.line(line);) {
      if (line.empty()) continue;
      if (!log::parse_verifier_key(line, out.emplace_back()))
        return not_understood(text, {"a verifier key, NAME+ID+KEY, on each line", lines.offset()});
    }
    if (!lines.at_end() || out.size() == before) return not_understood(text, {"whole lines with verifier keys", file.size()});
  }
  return 0;
}

int read_checkpoint_input(const std::string& name, log::SignedCheckpoint& out) {
  std::string text;
  log::Mistake mistake{};
  if (const int status = read_input(name, text)) return status;
  return log::parse_signed_checkpoint(text, out, mistake) ? 0 : not_understood(name, mistake);
}

bool print_note(std::string_view text) {
  log::TextReader lines(text);
  for (std::string_view line; lines.line(line);)
    if (safe(line) != line) return false;
  fmt::print("{}", text);
  return true;
}

int failed(int error) {
  complain(os::last_error());
  return exit_of(error);
}

}  // namespace shmring::tool
