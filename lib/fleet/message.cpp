// The headers of a message: see message.hpp.
#include "lib/fleet/message.hpp"

#include <algorithm>
#include <charconv>

#include "lib/log/files/names.hpp"
#include "lib/log/seal/hash.hpp"

namespace shmring::fleet {
namespace {

constexpr const char *file_key = "Shmring-File", *begin_key = "Shmring-Begin", *end_key = "Shmring-End",
                     *next_key = "Shmring-Next", *before_key = "Shmring-Before", *follows_key = "Shmring-Follows",
                     *bytes_key = "Shmring-Bytes";
constexpr std::string_view follows_names[] = {"sent", "nothing", "given_up"};  // in the order of Follows

bool number(std::string_view text, u64& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && (text.size() == 1 || !text.starts_with('0'));
}

// Reads headers, and keeps the first thing that is wrong with them.
class HeaderReader {
 public:
  explicit HeaderReader(const Headers& headers) : headers_(headers) {}

  std::string_view text(const char* key) {
    const std::string* found = nullptr;
    for (const auto& [name, value] : headers_) {
      if (name != key) continue;
      if (found != nullptr) refuse(key, "it is there twice");
      found = &value;
    }
    if (found == nullptr) refuse(key, "it is missing");
    return found == nullptr ? std::string_view() : *found;
  }
  u64 number(const char* key) {
    u64 out = 0;
    const std::string_view value = text(key);
    if (!fleet::number(value, out)) refuse(key, shown(value) + " is not a number");
    return out;
  }
  void refuse(const char* key, const std::string& what) {
    if (wrong.empty()) wrong = std::string("header ") + key + ": " + what;
  }
  // A value in quotes, with nothing that a terminal could take for more than text, and cut.
  static std::string shown(std::string_view value) {
    std::string out = "\"";
    for (const char c : value.substr(0, 80)) out += c >= ' ' && c < 0x7f ? c : '?';
    return out + '"';
  }

  std::string wrong;

 private:
  const Headers& headers_;
};

bool is_hash(std::string_view text) {
  return text.size() == 16 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string hex_of(std::string_view bytes) {
  log::Digest digest;
  const log::Hash hash = digest.of(bytes);
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(hash[i]);
    out.append({digits[byte >> 4], digits[byte & 15]});
  }
  return out;
}

std::string hash_before(std::string_view bytes) {
  return hex_of(bytes.substr(bytes.size() - std::min(bytes.size(), hashed_before)));
}

Headers headers_of(const Range& range) {
  return {{file_key, range.file},
          {begin_key, std::to_string(range.begin)},
          {end_key, std::to_string(range.end)},
          {next_key, std::to_string(range.next_index)},
          {before_key, range.before},
          {follows_key, std::string(follows_names[static_cast<std::size_t>(range.follows)])}};
}

std::string parse_range(const Headers& headers, Range& out) {
  HeaderReader reader(headers);
  Range range;
  u64 first = 0;
  range.file = reader.text(file_key);
  if (!log::is_log_file_name(range.file, first) || range.file.ends_with(log::compressed_suffix))
    reader.refuse(file_key, HeaderReader::shown(range.file) + " is not the name of a file of a log");
  range.begin = reader.number(begin_key), range.end = reader.number(end_key), range.next_index = reader.number(next_key);
  if (range.end <= range.begin || range.end - range.begin > most_bytes)
    reader.refuse(end_key, std::to_string(range.end) + " is not behind " + std::to_string(range.begin) + ", or is more than " +
                               std::to_string(most_bytes) + " bytes behind it");
  if (range.end > most_file_bytes) reader.refuse(end_key, std::to_string(range.end) + " is beyond the end of any file");
  if (range.next_index < first || range.next_index - first > range.end)
    reader.refuse(next_key, std::to_string(range.next_index) + " cannot be reached in " + range.file);
  range.before = reader.text(before_key);
  if (!is_hash(range.before)) reader.refuse(before_key, HeaderReader::shown(range.before) + " is not 16 hex digits");
  const auto follows = std::ranges::find(follows_names, reader.text(follows_key));
  if (follows == std::end(follows_names)) reader.refuse(follows_key, "it is not sent, nothing or given_up");
  if (!reader.wrong.empty()) return reader.wrong;
  range.follows = static_cast<Follows>(follows - std::begin(follows_names));
  out = std::move(range);
  return {};
}

Headers headers_of(const Rider& rider, std::size_t bytes) {
  return {{next_key, std::to_string(rider.next_index)}, {bytes_key, std::to_string(bytes)}};
}

std::string parse_rider(const Headers& headers, std::string_view name, Rider& out, std::size_t& bytes) {
  HeaderReader reader(headers);
  const u64 index = reader.number(next_key), size = reader.number(bytes_key);
  if (std::ranges::find(rider_names, name) == std::end(rider_names))
    return HeaderReader::shown(name) + " is not a file that rides along";
  if (size == 0 || size > most_rider_bytes)
    reader.refuse(bytes_key, std::to_string(size) + " is 0, or more than " + std::to_string(most_rider_bytes));
  if (!reader.wrong.empty()) return reader.wrong;
  out = {std::string(name), index};
  bytes = size;
  return {};
}

}  // namespace shmring::fleet
