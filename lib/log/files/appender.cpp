// Lines on their way into a log: see appender.hpp.
#include "lib/log/files/appender.hpp"

#include <cerrno>
#include <utility>

#include "lib/os/clock.hpp"

namespace shmring::log {
namespace {

// Each of our lines has its index right after the kind, {"v":1,"kind":"event","index":17, and no kind has a quote in it.
void count_up_indexes(Batch& batch) {
  constexpr std::string_view key = "\"index\":";
  std::string out;
  out.reserve(batch.bytes.size() + batch.lines);
  std::size_t from = 0;
  ++batch.first_index;
  for (u64 i = 0; i < batch.lines; ++i) {
    const std::size_t digits = batch.bytes.find(key, from) + key.size();
    const std::size_t end = batch.bytes.find('\n', digits) + 1;
    out.append(batch.bytes, from, digits - from);
    out += std::to_string(batch.first_index + i);
    const std::size_t behind = batch.bytes.find(',', digits);
    out.append(batch.bytes, behind, end - behind);
    from = end;
  }
  batch.bytes = std::move(out);
}

}  // namespace

int Appender::open(const std::string& dir, std::string_view ring, const RingId& id, Recovered& recovered) {
  int error = claim(dir, ring);
  if (error == 0) error = recover(recovered);
  return error != 0 ? error : begin(id, recovered);
}

int Appender::claim(const std::string& dir, std::string_view ring) {
  encoder_ = Encoder(ring);
  return writer_.claim(dir, ring);
}

int Appender::begin(const RingId& id, const Recovered& recovered) {
  next_index_ = committed_.index = recovered.next_index;
  pace_.add_accounts(recovered.accounts_bytes);
  pace_.add(recovered.lines_since_accounts, recovered.bytes_since_accounts);
  present_ = recovered.file.empty() ? id : recovered.ring;
  Accounts found = recovered.known(os::utc_now_ns());
  found.ring = present_;
  if (recovered.file.empty()) return begin_file(found);
  if (const int error = writer_.open(recovered)) return error;
  if (writer_.is_full()) begin_new_file(found);
  return 0;
}

u64 Appender::append(std::span<const Line> lines, const RingId& of) {
  Batch& batch = pending_.emplace_back(Batch{++batches_, next_index_, lines.size(), std::move(spare_)});
  encoder_.encode(lines, next_index_, batch.bytes, of == present_ ? RingId{} : of);
  next_index_ += lines.size();
  pace_.add(lines.size(), batch.bytes.size());
  return batch.number;
}

void Appender::append(Accounts accounts) {
  if (pending_.empty()) pending_.push_back({++batches_, next_index_, 0, {}});
  Batch& batch = pending_.back();
  const std::size_t before = batch.bytes.size();
  present_ = accounts.ring;
  encoder_.encode(std::move(accounts), next_index_, batch.bytes);
  ++batch.lines;
  ++next_index_;
  pace_.add_accounts(batch.bytes.size() - before);
}

int Appender::write() {
  for (; !pending_.empty(); pending_.pop_front()) {
    int error = writer_.write(pending_.front().bytes);
    if (error == -EFBIG && !writer_.is_uncut() && !writer_.has_first_line_only()) {
      error = go_on_in_a_new_file();
      if (error == 0) error = writer_.write(pending_.front().bytes);
    }
    if (error != 0) return error;
    Batch& batch = pending_.front();
    committed_ = {batch.number, batch.first_index + batch.lines};
    if (batch.bytes.capacity() <= most_spare_bytes) spare_ = std::move(batch.bytes), spare_.clear();
  }
  return 0;
}

// The file's first line takes the index of the first line that is not in the log yet.
int Appender::begin_file(Accounts accounts) {
  const u64 time_ns = accounts.time_ns;
  const RingId ring = accounts.ring;
  std::string line;
  encoder_.encode(std::move(accounts), committed_.index, line);
  if (const int error = writer_.begin_file(time_ns, committed_.index, line)) return error;
  ++committed_.index, ++next_index_;
  for (Batch& batch : pending_) count_up_indexes(batch);
  if (pending_.empty()) {
    pace_.add_accounts(line.size());
    present_ = ring;
  } else {
    pace_.hurry();  // what recovery says still names accounts that the caller has dropped
  }
  return 0;
}

// Only the log knows what it says up to the first waiting line, because the caller's accounts have gone on since.
int Appender::go_on_in_a_new_file() {
  Recovered found;
  if (const int error = writer_.read_back(committed_.index, found)) return error;
  return begin_file(found.known(os::utc_now_ns()));
}

}  // namespace shmring::log
