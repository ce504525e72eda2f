// Which of a log's oldest files may go: see retain.hpp.
#include "lib/log/files/retain.hpp"

#include <algorithm>
#include <vector>

namespace shmring::log {
namespace {

// How many of the oldest files a limit asks for. More than there are: it cannot be kept.
using Count = std::size_t;

// The newest line of a file is not younger than the next one's name. A clock that was set back may have made that older.
Count asked_by_age(std::span<const RetainedFile> files, u64 now_ns, u64 age_ns) {
  Count asked = 0;
  while (age_ns != 0 && asked + 1 < files.size()) {
    const u64 newest_ns = std::max(files[asked].time_ns, files[asked + 1].time_ns);
    if (newest_ns >= now_ns || now_ns - newest_ns <= age_ns) break;
    ++asked;
  }
  return asked;
}

Count asked_by_bytes(std::span<const RetainedFile> files, u64 limit) {
  u64 bytes = 0;
  for (const RetainedFile& file : files) bytes += file.bytes;
  Count asked = 0;
  for (; limit != 0 && bytes > limit && asked < files.size(); ++asked) bytes -= files[asked].bytes;
  return asked;
}

Count asked_by_free(std::span<const RetainedFile> files, u64 free, u64 limit) {
  Count asked = 0;
  for (; free < limit && asked < files.size(); ++asked) free += files[asked].bytes;
  return free < limit ? files.size() + 1 : asked;
}

// The counts after which a log may go on, in their order.
std::vector<Count> possible(std::span<const RetainedFile> files) {
  const auto sealed = std::find_if(files.rbegin(), files.rend(), [](const RetainedFile& file) { return file.is_sealed; });
  const Count most = std::min<Count>(static_cast<Count>(files.rend() - sealed), files.empty() ? 0 : files.size() - 1);
  std::vector<Count> counts;
  for (Count count = 1; count <= most; ++count)
    if (files[count].is_clean) counts.push_back(count);
  return counts;
}

}  // namespace

const char* name_of(Limit limit) {
  constexpr const char* names[] = {"none", "age", "bytes", "free"};
  return names[static_cast<std::size_t>(limit)];
}

Retention retain(std::span<const RetainedFile> files, u64 now_utc_ns, u64 free, const RetainLimits& limits, u64 archived) {
  std::vector<Count> counts = possible(files);
  const std::size_t all = counts.size();
  if (limits.archived) std::erase_if(counts, [&](Count count) { return files[count].first_index > archived; });
  const Count most = counts.empty() ? 0 : counts.back();
  Count taken = 0;
  Retention out;
  const auto take = [&](Count count, Limit why) {
    if (count > taken) taken = count, out.why = why;
  };
  const auto block = [&](Limit limit) {
    if (out.blocked == Limit::none) out.blocked = limit;
  };

  const Count old = asked_by_age(files, now_utc_ns, limits.age_ns);
  const auto behind_old = std::ranges::upper_bound(counts, old);
  if (behind_old != counts.begin()) take(*(behind_old - 1), Limit::age);
  if (old > most) block(Limit::age);

  const auto take_for_space = [&](Count asked, Limit why) {
    const auto enough = std::ranges::lower_bound(counts, asked);
    if (asked > 0) take(enough != counts.end() ? *enough : most, why);
    if (asked > most) block(why);
  };
  take_for_space(asked_by_bytes(files, limits.bytes), Limit::bytes);
  take_for_space(asked_by_free(files, free, limits.free), Limit::free);

  if (taken > 0) out.before = files[taken].first_index;
  out.lacks_archive = out.blocked != Limit::none && counts.size() < all;
  return out;
}

}  // namespace shmring::log
