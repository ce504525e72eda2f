// What is odd about a log's files: see explained.hpp.
#include "lib/log/files/explained.hpp"

#include <algorithm>
#include <iterator>

namespace shmring::log {

bool explains(const Parsed& line, std::string_view& file, u64& from) {
  std::string_view code;
  if (line.kind_name != "incident" || !find_pair_text(line.rest, "code", code)) return false;
  constexpr std::string_view replaced[] = {"sync_failed", "write_failed", "file_cut", "unsynced"};
  if (std::ranges::find(replaced, code) == std::end(replaced)) return false;
  return find_pair_text(line.rest, "file", file) && find_pair_number(line.rest, "void", from);
}

void Explained::note(const Parsed& line, Cursor& log) {
  u64 index = 0;
  if (line.kind_name == "retain" && find_pair_number(line.rest, "before", index))
    removed_before_ = std::max(removed_before_, index);
  std::string_view file;
  if (!explains(line, file, index)) return;
  std::ranges::move(log.take_overlaps(), std::back_inserter(overlaps_));
  std::erase_if(overlaps_,
                [&](const Overlap& overlap) { return overlap.file.plain_name() == file && index <= overlap.file.end; });
}

bool Explained::all(Cursor& log, const LogFile& first, Deviation& out) {
  const auto deviates = [&](const LogFile& file, u64 line, u64 byte, std::string expected, std::string found) {
    out = {file.name, line, byte, 0, 0, std::move(expected), std::move(found)};
    return false;
  };
  std::ranges::move(log.take_overlaps(), std::back_inserter(overlaps_));
  for (const auto& [file, line, byte] : overlaps_) {
    if (log.is_among_the_last(file)) continue;
    return deviates(file, line, byte, join("an incident that names this file: a later file begins with index ", file.end),
                    file.end == file.first_index ? "none, and a superseded file" : "none, and bytes behind that index");
  }
  if (first.first_index <= removed_before_) return true;
  return deviates(first, 1, 0, join("the lines before index ", first.first_index, ", or a retain line that covers them"),
                  removed_before_ == 0 ? "neither" : join("one that covers those before ", removed_before_));
}

}  // namespace shmring::log
