// shmring emit: lines into events, as text, as JSON, or as a field behind `fields`.
//
// Invariants:
//   - lines are written through the C ABI, as by any application;
//   - memory is bounded by max_record, however long a line is. Of a longer line only as much is kept as the library needs to
//     count it as too big, or to cut it;
//   - a line is attempted once. A refused line is counted by the log, too, and never tried again.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "lib/include/shmring/shmring.h"
#include "lib/log/format/json.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/emit_fields.hpp"
#include "tools/shmring/emit_room.hpp"

namespace shmring::tool {

inline constexpr std::string_view line_key = "line";  // the field that holds a line, with --field

class Emitter {
 public:
  Emitter(shmring_producer* producer, const shmring_meta& meta, std::size_t max_record, const std::vector<FieldValue>& fields,
          Lane& lane)
      : producer_(producer), meta_(meta), most_(max_record + 1), fields_(fields), lane_(lane) {
    if (meta.kind == SHMRING_KIND_FIELDS) encoded_.resize(max_record);
  }

  void feed(std::string_view bytes) {
    while (!bytes.empty() && !is_over()) {
      const std::size_t end = bytes.find('\n');
      const std::string_view part = bytes.substr(0, end);
      line_.append(part.substr(0, most_ - line_.size()));
      open_ = end == bytes.npos;
      if (open_) return;
      write();
      bytes.remove_prefix(end + 1);
    }
    if (stopped_) unwritten_ += static_cast<u64>(std::ranges::count(bytes, '\n')) + (!bytes.empty() && bytes.back() != '\n');
  }

  // Writes one event of the fields alone.
  void write_fields() {
    FieldEncoder encoder(encoded_);
    for (const FieldValue& field : fields_) add_to(encoder, field);
    write(encoder);
  }

  // Writes a last line without a newline.
  void end() {
    if (open_ && !is_over()) write();
  }

  bool is_over() const { return retired_ || stopped_; }
  bool retired() const { return retired_; }
  u64 unwritten() const { return unwritten_; }  // lines that were read, but for which a signal left no time to wait
  int error() const { return error_; }
  u64 lines() const { return lines_; }
  u64 refused() const { return full_ + too_big_ + timeout_; }
  u64 not_json() const { return not_json_; }
  u64 first_not_json() const { return first_not_json_; }  // a line's number, counted from 1

  std::string by_condition() const {
    std::string text;
    const auto add = [&text](const char* name, u64 count) {
      if (count != 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, count);
    };
    add("full", full_);
    add("timeout", timeout_);
    add("too big", too_big_);
    return text;
  }

 private:
  void write() {
    if (meta_.kind == SHMRING_KIND_FIELDS) {
      FieldEncoder encoder(encoded_);
      for (const FieldValue& field : fields_) add_to(encoder, field);
      write(encoder.add(line_key, line_));
    } else {
      if (meta_.kind == SHMRING_KIND_JSON) check_json();
      write(line_.data(), line_.size());
    }
    line_.clear();
    open_ = false;
  }

  // If the fields did not fit, they are longer than a record may be. The library then counts the event as too big, and reads
  // nothing of it.
  void write(const FieldEncoder& encoder) { write(encoder.bytes().data(), encoder.fits() ? encoder.bytes().size() : most_); }

  void write(const void* payload, std::size_t bytes) {
    if (!has_room(bytes)) return;
    const int result = shmring_write(producer_, &meta_, payload, bytes);
    if (result == SHMRING_RETIRED) {
      retired_ = true;
      return;
    }
    ++lines_;
    full_ += result == SHMRING_FULL;
    too_big_ += result == SHMRING_TOO_BIG;
    timeout_ += result == SHMRING_TIMEOUT;
    if (result < 0) error_ = result;
  }

  // A record that is too long is refused whether there is room or not.
  bool has_room(std::size_t bytes) {
    const bool cut = (meta_.flags & SHMRING_META_TRUNCATE) != 0;
    const Room room = bytes < most_ || cut ? lane_.wait_for(std::min(bytes, most_ - 1)) : Room::yes;
    retired_ = room == Room::gone;
    stopped_ = room == Room::stopped;
    unwritten_ += stopped_;
    return room == Room::yes;
  }

  // Tells the user at once about a line that is not JSON. The collector checks again, and marks the record in the log.
  void check_json() {
    canonical_.clear();
    if (line_.size() == most_ || log::append_canonical(canonical_, line_)) return;
    if (++not_json_ == 1) first_not_json_ = lines_ + 1;
  }

  shmring_producer* producer_;
  shmring_meta meta_;
  std::size_t most_;
  const std::vector<FieldValue>& fields_;
  Lane& lane_;
  std::vector<std::byte> encoded_;  // room for a record of fields
  std::string line_, canonical_;
  bool open_ = false, retired_ = false, stopped_ = false;
  int error_ = 0;
  u64 unwritten_ = 0, lines_ = 0, full_ = 0, too_big_ = 0, timeout_ = 0, not_json_ = 0, first_not_json_ = 0;
};

}  // namespace shmring::tool
