// The seal of a log, as the collector has it: see sealing.hpp.
#include "lib/log/seal/sealing.hpp"

#include <cerrno>
#include <cstring>

#include "lib/log/seal/resume.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

constexpr u64 checkpoint_every_ns = 1'000'000'000, try_again_ns = 1'000'000'000;

}  // namespace

int Sealing::open(int directory, const std::string& dir, std::string_view ring, const SealPolicy& policy,
                  std::optional<gid_t> group, u64 next_index, std::unique_ptr<Hasher> hasher) {
  Resumed found;
  int error = notary_.open(directory, dir, ring, policy, group);
  if (error == 0) error = resume(directory, dir, next_index, notary_, found);
  if (error != 0) return error;
  has_begun_ = found.has_begun, base_ = found.base, frontier_ = notary_.tree().frontier();
  written_ = hashed(), signed_index_ = found.signed_index;
  epochs_ = Epochs(notary_.epoch(), notary_.epoch_age_ns(), policy.epoch_ns);
  epochs_.settle_first();
  keep_ns_ = policy.keep_ns;
  hasher_ = hasher != nullptr ? std::move(hasher) : std::make_unique<HashThread>();
  error = hasher_->open(notary_);
  if (error != 0) return os::fail(-error, "log %s: cannot set up its seal: %s", dir.c_str(), std::strerror(-error));
  return 0;
}

void Sealing::wrote(u64 first, u64 end, std::shared_ptr<const std::string> lines) {
  if (!has_begun_) has_begun_ = true, base_ = first;
  unhashed_bytes_ += lines->size();
  written_ = end;
  lines_.push_back(std::move(lines));
}

// All lines before a new file are hashed. What the old file has is signed as soon as it is durable.
void Sealing::goes_into(const std::string& file, bool is_new) {
  if (!file_.empty() && hashed() > kept_index_) take_candidate(true);
  file_ = file;
  begins_file_ = is_new;
}

void Sealing::take_candidate(bool ends_file) {
  newest_ = Candidate{frontier_, file_, ends_file};
  if (!first_) first_ = newest_;
  taken_ns_ = now_ns_;
}

bool Sealing::step(u64 now_ns, u64 durable) {
  now_ns_ = now_ns;
  if (signed_ns_ == 0) signed_ns_ = now_ns;
  bool changed = false;
  do {
    if (hasher_->is_busy()) {
      std::optional<SealResult> result = hasher_->take();
      if (!result) break;
      finish(std::move(*result));
      changed = true;
    }
  } while (ask(durable));
  return changed;
}

void Sealing::finish(SealResult result) {
  if (result.is_hashed) {
    frontier_ = std::move(result.frontier);
    lines_.erase(lines_.begin(), lines_.begin() + static_cast<std::ptrdiff_t>(job_lines_));
    unhashed_bytes_ -= job_bytes_;
    if (job_keeps_rows_) begins_file_ = false;
    if (job_lines_ != 0) is_stuck_ = false;
  } else {
    is_stuck_ = true, hash_ns_ = now_ns_ + try_again_ns;
  }
  const bool is_good = result.error == 0;
  if (job_step_ != EpochStep::none) epochs_.done(job_step_, is_good, std::move(result.key));
  if (job_signs_ != 0 && is_good) signed_index_ = job_signs_, signed_ns_ = now_ns_;
  if (job_keeps_ && is_good) kept_index_ = job_signs_, kept_ns_ = now_ns_;
  const bool tried = job_signs_ != 0 || job_step_ != EpochStep::none || !result.is_hashed;
  if (!is_good) retry_ns_ = now_ns_ + try_again_ns;
  if (!is_good || result.tile_error != 0) ++failures_, error_text_ = std::move(result.text);
  if (error_text_.empty()) error_text_ = "there is no memory for the log's seal";
  if (tried || result.tile_error != 0) error_ = is_good ? result.tile_error : result.error;
}

// Begins a job if there is something to do. Returns false if there is not.
bool Sealing::ask(u64 durable) {
  const bool is_due = hurries_ ? lines_.empty() : now_ns_ - taken_ns_ >= checkpoint_every_ns;
  if (is_due && hashed() > (hurries_ ? kept_index_ : signed_index_) && (!newest_ || end_of(newest_->tree) != hashed()))
    take_candidate(false);
  SealJob job;
  job_signs_ = 0;
  if (now_ns_ >= retry_ns_ && epochs_.may_sign()) {
    std::optional<Candidate>* ready = nullptr;
    if (newest_ && durable >= end_of(newest_->tree)) ready = &newest_;
    if (ready == nullptr && first_ && durable >= end_of(first_->tree)) ready = &first_;
    if (ready != nullptr) {
      job.sign = (*ready)->tree, job.file = (*ready)->file, job_signs_ = end_of((*ready)->tree);
      job.keeps = (*ready)->ends_file || hurries_ || kept_ns_ == 0 || now_ns_ - kept_ns_ >= keep_ns_;
    }
  }
  job_keeps_ = job.keeps;
  if (job_signs_ == 0 && (!hurries_ || !epochs_.may_sign())) job.step = epochs_.due(now_ns_, signed_index_);
  job_step_ = job.step;
  if (now_ns_ >= hash_ns_) job.lines = lines_;
  job_lines_ = job.lines.size(), job_bytes_ = job.lines.empty() ? 0 : unhashed_bytes_;
  if (job.lines.empty() && job_signs_ == 0 && job_step_ == EpochStep::none) return false;
  job.keeps_rows = job_keeps_rows_ = !job.lines.empty() && begins_file_;
  if (first_ && end_of(first_->tree) <= job_signs_) first_.reset();
  if (newest_ && end_of(newest_->tree) <= job_signs_) newest_.reset();
  if (!first_) first_ = newest_;
  hasher_->begin(std::move(job));
  return true;
}

std::optional<Note> Sealing::line() {
  const std::string* const key = epochs_.key_to_tell();
  if (key == nullptr) return std::nullopt;
  return Note{"key", os::utc_now_ns(), {{"epoch", std::to_string(epochs_.epoch() + 1), true}, {"key", *key}}};
}

}  // namespace shmring::log
