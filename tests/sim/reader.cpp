// What a log says, by its files alone: see reader.hpp.
#include "tests/sim/reader.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace sim {
namespace {

struct File {
  u64 first, end;
  std::string name;
  const std::string* bytes;
};

constexpr std::size_t time_bytes = 16, digits = 20;

std::vector<File> files_of(const Disk& disk, u64 directory) {
  std::vector<File> files;
  for (const auto& [name, inode] : disk.at(directory).names) {
    if (name.size() != time_bytes + 1 + digits + 6 || !name.ends_with(".jsonl")) continue;
    files.push_back({std::stoull(name.substr(time_bytes + 1, digits)), ~u64{0}, name, &disk.at(inode).bytes});
  }
  std::ranges::sort(files,
                    [](const File& a, const File& b) { return std::pair(a.first, a.name) < std::pair(b.first, b.name); });
  for (std::size_t i = 0; i + 1 < files.size(); ++i) files[i].end = files[i + 1].first;
  return files;
}

}  // namespace

u64 number_in(std::string_view line, std::string_view key) {
  const std::size_t at = line.find(key);
  if (at == line.npos) return ~u64{0};
  u64 number = 0;
  for (std::size_t i = at + key.size(); i < line.size() && std::isdigit(static_cast<unsigned char>(line[i])); ++i)
    number = number * 10 + static_cast<u64>(line[i] - '0');
  return number;
}

std::vector<std::string> lines_from(const Disk& disk, u64 directory, u64 from) {
  std::vector<std::string> lines;
  u64 next = from;
  for (const File& file : files_of(disk, directory)) {
    if (file.end <= next || file.first > next) continue;
    const std::string& bytes = *file.bytes;
    u64 index = file.first;
    for (std::size_t at = 0; index < file.end; ++index) {
      const std::size_t end = bytes.find('\n', at);
      if (end == bytes.npos) break;
      const std::string_view line = std::string_view(bytes).substr(at, end - at);
      at = end + 1;
      if (index < next) continue;
      if (number_in(line, "\"index\":") != index || line.back() != '}') break;
      lines.emplace_back(line);
      next = index + 1;
    }
  }
  return lines;
}

std::string payload_of(u64 sequence) {
  const std::string text = std::to_string(sequence) + ":";
  return text + std::string((sequence * sequence * 31 + sequence) % 400, static_cast<char>('a' + sequence % 26));
}

bool says_what_was_written(std::string_view line) {
  if (line.find("\"kind\":\"event\"") == line.npos) return true;
  return line.find("\"" + payload_of(number_in(line, "\"seq\":")) + "\"") != line.npos;
}

std::string listing(const Disk& disk, u64 directory) {
  std::string out;
  for (const auto& [name, inode] : disk.at(directory).names) {
    const Inode& found = disk.at(inode);
    out += name + " " + std::to_string(found.bytes.size()) + (found.mode & 0222 ? "" : " sealed") + " (disk " +
           std::to_string(found.disk_size) + ", " + std::to_string(found.dirty.size()) + " dirty, " +
           std::to_string(found.lost.size()) + " lost)\n";
  }
  return out;
}

}  // namespace sim
