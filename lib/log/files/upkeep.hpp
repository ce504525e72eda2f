// What a collector has done to the older files of its log while it runs: they are compressed, and removed by limits.
//
//   resting → looking → telling → telling_durably → removing → resting
//             │ keeper  │ a line  │ sync thread     │ keeper
//             nothing is to go: resting
//
// Invariants:
//   - nothing is removed before a `retain` line that covers it is durable. That line is synced at once at every level, and with
//     it all lines before it: also the clean start at which the log then begins;
//   - what the archive is to have and does not have is kept, also if it has lost it since the look;
//   - nothing is remembered over a restart. A collector that was killed anywhere in this has left a log without a hole, and the
//     next one asks the limits again.
// Thread role: the collector's. No call waits for the disk.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lib/log/files/keeper.hpp"

namespace shmring::log {

inline constexpr u64 look_every_ns = 10'000'000'000;  // monotonic
// A limit that cannot be kept is said after so long, which is more than two looks: files are sealed a moment after their
// successors begin, and a file may go while it is looked at.
inline constexpr u64 blocked_after_ns = 30'000'000'000;

class Upkeep {
 public:
  // Called before the first look.
  void begin(std::shared_ptr<DirectorySync> directory_sync) { directory_sync_ = std::move(directory_sync); }
  // Called about once a second. Looks every 10 seconds, and when look_soon() was called since: a file was begun, or the disk is
  // full. What was found for other limits than these is forgotten. Returns why the last compression failed, as −errno with its
  // text; 0: it did not.
  int look(int directory, const std::string& dir, const FilePolicy& policy, u64 now_ns, u64 now_utc_ns, u64 durable,
           std::string& text);
  void look_soon() { is_due_ = true; }
  // The archive has the lines below this index. It may go back: then what was found and is not being removed yet is forgotten.
  void set_archived(u64 archived);

  // Returns true if step() will have files removed. It must not be called where the log was taken away: the line that says so
  // is then in no log.
  bool is_about_to_remove(u64 durable) const { return state_ == State::telling_durably && durable > index_; }
  // Learns what was done. Returns true if told() is to be said in the log now, in a line of its own; …
  bool step(u64 durable);
  const Retention& told() const { return found_; }
  // … and then one of these is called: the line has this index, or it could not be written, with last_error()'s text.
  void was_told(u64 index) { state_ = State::telling_durably, index_ = index; }
  void was_not_told(int error);

  // Returns true while something keeps the limits from being kept that lasts for 30 seconds, and sets why: −errno, or 0 if it
  // is that no more may go, and a text.
  bool is_blocked(u64 now_ns, int& error, std::string& text) const;

 private:
  enum class State : u8 { resting, looking, telling, telling_durably, removing };

  void forget_what_was_found();
  void hear(KeeperAnswer answer);
  void block(int error, std::string text);

  State state_ = State::resting;
  std::shared_ptr<DirectorySync> directory_sync_;
  std::unique_ptr<Keeper> keeper_;  // if files are compressed or removed
  std::string dir_;
  RetainLimits limits_;  // for which was looked
  u64 archived_ = 0;
  bool is_stale_ = false;  // other limits hold by now, or the archive has less
  // A removal may not be durable. Another one behind it could be, and after a power cut the log would have a hole.
  bool removes_no_more_ = false;
  Retention found_;
  u64 index_ = 0;        // of the newest retain line, …
  u64 told_before_ = 0;  // … and what it says, once it is durable
  bool is_due_ = true;
  u64 now_ns_ = 0, looked_ns_ = 0;  // monotonic
  // Why the limits are not kept; empty: they are.
  std::string blocked_text_;
  int blocked_error_ = 0;
  u64 blocked_since_ns_ = 0;
};

}  // namespace shmring::log
