// What a collector has done to the older files of its log: see upkeep.hpp.
#include "lib/log/files/upkeep.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

std::string advice_for(const Retention& found, u64 archived) {
  if (found.lacks_archive)
    return "retain." + std::string(name_of(found.blocked)) + " asks for more than the archive has: the lines below " +
           std::to_string(archived) + "; see that the forwarder and the archive run";
  switch (found.blocked) {
    case Limit::age: return "lines are older than retain.age says, but no younger file is whole on the disk; look at the disk";
    case Limit::bytes: return "it is larger than retain.bytes says; raise retain.bytes, or make log.file_bytes smaller";
    default: return "less is free on its file system than retain.free says; remove what else lies there";
  }
}

}  // namespace

int Upkeep::look(int directory, const std::string& dir, const FilePolicy& policy, u64 now_ns, u64 now_utc_ns, u64 durable,
                 std::string& text) {
  text.clear();
  dir_ = dir, now_ns_ = now_ns;
  if (policy.retain != limits_) limits_ = policy.retain, forget_what_was_found();
  if (!policy.compress && !policy.retain.any() && state_ == State::resting) return blocked_text_.clear(), 0;
  if (keeper_ == nullptr) keeper_ = std::make_unique<Keeper>(directory_sync_);
  if (state_ == State::resting && (is_due_ || now_ns - looked_ns_ >= look_every_ns)) {
    if (const int error = keeper_->look(directory, dir, policy, now_utc_ns, durable, archived_))
      return text = std::strerror(-error), error;
    is_due_ = false, looked_ns_ = now_ns;
    if (policy.retain.any() && !removes_no_more_) state_ = State::looking;
  }
  return keeper_->error(text);
}

bool Upkeep::step(u64 durable) {
  if (state_ == State::looking || state_ == State::removing)
    if (std::optional<KeeperAnswer> answer = keeper_->take()) hear(std::move(*answer));
  // Where an earlier removal failed, the line is there already.
  if (state_ == State::telling && found_.before <= told_before_) state_ = State::telling_durably;
  if (is_about_to_remove(durable)) {
    told_before_ = std::max(told_before_, found_.before);
    keeper_->remove(found_.before);
    state_ = State::removing;
  }
  return state_ == State::telling;
}

// What is being removed already goes on: it was said, and the old limits held then.
void Upkeep::forget_what_was_found() {
  is_due_ = true;
  if (state_ == State::telling || state_ == State::telling_durably) state_ = State::resting;
  is_stale_ = state_ == State::looking;
}

void Upkeep::set_archived(u64 archived) {
  if (archived < std::exchange(archived_, archived) && limits_.archived) forget_what_was_found();
}

void Upkeep::hear(KeeperAnswer answer) {
  const bool looked = std::exchange(state_, State::resting) == State::looking;
  if (looked && std::exchange(is_stale_, false)) return;
  if (answer.is_directory) {
    removes_no_more_ = true;
    answer.text += "; nothing more is removed until shmringd is started again: look at the disk first";
  }
  if (answer.error != 0) return block(answer.error, std::move(answer.text));
  if (looked) found_ = answer.retention;
  if (looked && found_.before > 0) state_ = State::telling;
  if (looked && found_.blocked != Limit::none)
    return block(0, "log " + dir_ + ": nothing more may be removed, and " + advice_for(found_, archived_));
  // What failed has succeeded only when something was removed, or nothing is to be; a limit is kept only when a look says so.
  if (looked ? blocked_error_ == 0 || state_ == State::resting : blocked_error_ != 0) blocked_error_ = 0, blocked_text_.clear();
  if (!looked) is_due_ = true;
}

void Upkeep::was_not_told(int error) {
  state_ = State::resting;
  is_due_ = true;
  block(error, os::last_error());
}

void Upkeep::block(int error, std::string text) {
  if (blocked_text_.empty()) blocked_since_ns_ = now_ns_;
  blocked_error_ = error, blocked_text_ = std::move(text);
}

bool Upkeep::is_blocked(u64 now_ns, int& error, std::string& text) const {
  if (blocked_text_.empty() || now_ns - blocked_since_ns_ < blocked_after_ns) return false;
  error = blocked_error_, text = blocked_text_;
  return true;
}

}  // namespace shmring::log
