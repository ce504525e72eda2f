// How much of a log the archive has for good: see committed.hpp.
#include "lib/fleet/committed.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>

#include "lib/log/files/names.hpp"
#include "lib/log/format/json.hpp"
#include "lib/os/durable.hpp"

namespace shmring::fleet {
namespace {

constexpr const char* temporary_committed = "committed.tmp";
constexpr std::size_t record_bytes = 256;
constexpr u64 sector = 512, records = 2;

// FNV-1a. It finds a torn or a scribbled record; nobody's forgery is to be found here.
u64 checksum(std::string_view text) {
  u64 hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

const char* truth(bool value) { return value ? "true" : "false"; }

bool truth_of(log::Scanner& scanner, bool& out) {
  out = scanner.literal("true");
  return out || scanner.literal("false");
}

std::string body(const Committed& committed, u64 generation) {
  return "{\"v\":1,\"generation\":" + std::to_string(generation) + ",\"file\":\"" + committed.file +
         "\",\"bytes\":" + std::to_string(committed.bytes) + ",\"index\":" + std::to_string(committed.index) +
         ",\"wanted\":" + truth(committed.wanted) + ",\"replace\":" + truth(committed.replace);
}

}  // namespace

std::string committed_text(const Committed& committed, u64 generation) {
  std::string text = body(committed, generation);
  char sum[32];
  std::snprintf(sum, sizeof sum, R"(,"sum":"%016llx"})", log::wide(checksum(text)));
  text += sum;
  text.resize(record_bytes - 1, ' ');
  return text + '\n';
}

bool parse_committed(std::string_view text, Committed& out, u64& generation) {
  log::Scanner scanner(text);
  std::string_view file;
  Committed read;
  u64 number = 0, first = 0;
  if (!scanner.literal("{\"v\":1,\"generation\":") || !scanner.number(number)) return false;
  if (!scanner.literal(",\"file\":") || !scanner.string(file)) return false;
  if (!scanner.literal(",\"bytes\":") || !scanner.number(read.bytes)) return false;
  if (!scanner.literal(",\"index\":") || !scanner.number(read.index)) return false;
  if (!scanner.literal(",\"wanted\":") || !truth_of(scanner, read.wanted)) return false;
  if (!scanner.literal(",\"replace\":") || !truth_of(scanner, read.replace)) return false;
  if (!file.empty() && (!log::is_log_file_name(file, first) || file.ends_with(log::compressed_suffix))) return false;
  if (read.index < first) return false;
  read.file = file;
  if (text != committed_text(read, number)) return false;
  out = std::move(read), generation = number;
  return true;
}

int read_committed(int directory, Committed& out) {
  std::string text;
  const int error = os::read_regular(directory, committed_name, records * sector, text);
  if (error != 0) return error;
  bool is_found = false;
  u64 newest = 0, generation = 0;
  Committed record;
  for (u64 at = 0; at < records * sector && at < text.size(); at += sector) {
    if (!parse_committed(std::string_view(text).substr(at, record_bytes), record, generation)) continue;
    if (!is_found || generation > newest) out = record, newest = generation;
    is_found = true;
  }
  return is_found ? 0 : -EBADMSG;
}

int CommittedFile::begin(int directory, const Committed& committed) {
  os::calls.unlinkat(directory, temporary_committed, 0);  // left by a receiver that was killed here
  generation_ = 0;
  int error = os::open_at(directory, temporary_committed, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0640, file_);
  if (error == 0) error = store(committed);
  if (error == 0) error = os::rename_over(directory, temporary_committed, committed_name);
  if (error == 0) error = os::sync_all(directory);
  if (error != 0) file_.reset();
  return error;
}

int CommittedFile::write(const Committed& committed) {
  const int error = store(committed);
  if (error != 0) file_.reset();
  return error;
}

int CommittedFile::open_again(int directory) {
  return os::open_at(directory, committed_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0, file_);
}

int CommittedFile::store(const Committed& committed) {
  ++generation_;
  const std::string text = committed_text(committed, generation_);
  const int error = os::write_full_at(file_.get(), text.data(), text.size(), generation_ % records * sector);
  return error == 0 ? os::sync_data(file_.get()) : error;
}

}  // namespace shmring::fleet
