// A trouble with the log that lasts: when it began, whether it is over, and what the log is to say of it. Pure: values in,
// values out.
//
// Invariants:
//   - each outage that has begun ends with one account of itself, however often it came and went: it is over when all has been
//     well for a second. So a disk that comes and goes ten times a second leaves one line, and not ten;
//   - a condition that counts only if it lasts (`patience_ns`) is no outage before that, and began when it was first seen.
#pragma once

#include <algorithm>

#include "lib/ring/status.hpp"

namespace shmring::collect {

using ring::u64;

// What is the case at a moment. All but `is_bad` are read only if it is, unless they say otherwise.
struct Trouble {
  bool is_bad = false;
  int error = 0;     // −errno; 0: no system call has failed
  u64 failures = 0;  // attempts that failed so far; it only grows while the trouble lasts
  // Also if all is well: the sequences that the log reports as refused so far, and when that was last looked at.
  u64 refused = 0, refused_read_ns = 0;
};

// A time on two clocks: one that only goes forward, and that of the log.
struct Moment {
  u64 ns = 0, utc_ns = 0;
};

// What the log says of an outage that is over.
struct Outage {
  int error = 0;  // −errno, the last one; 0: none
  Moment from, to;
  u64 retries = 0;  // attempts that failed behind the first one
  u64 refused = 0;  // sequences that the log came to report as refused, from its beginning to the first look behind its end
};

class Condition {
 public:
  enum class News {
    none,
    begun,
    changed,  // it goes on, for another reason
    lasts,    // a minute has passed since the last news
    over,     // outage() has the account of it
  };

  explicit Condition(u64 patience_ns = 0) : patience_ns_(patience_ns) {}

  // Called now and then, and whenever the trouble may have begun or ended.
  News look(const Trouble& now, Moment moment) {
    if (!now.is_bad) return look_well(now, moment);
    if (since_.ns == 0) since_ = moment, failures_before_ = now.failures, refused_before_ = now.refused;
    well_.ns = 0;
    if (!is_outage_) {
      if (moment.ns - since_.ns < patience_ns_) return News::none;
      is_outage_ = true;
      outage_ = {now.error, since_, {}, 0, 0};
      return tell(News::begun, moment);
    }
    outage_.retries = now.failures - std::min(failures_before_, now.failures);
    if (now.error != outage_.error) {
      outage_.error = now.error;
      return tell(News::changed, moment);
    }
    return moment.ns - told_ns_ >= repeat_ns ? tell(News::lasts, moment) : News::none;
  }
  // Called when the collector ends. Returns `over` if all has become well, though not for a second.
  News end() { return is_outage_ && well_.ns != 0 ? close() : News::none; }

  // The trouble lasts now.
  bool is_bad() const { return is_outage_ && well_.ns == 0; }
  // The next look may have news although nothing has changed.
  bool is_open() const { return since_.ns != 0; }
  const Outage& outage() const { return outage_; }

 private:
  static constexpr u64 well_after_ns = 1'000'000'000, repeat_ns = 60'000'000'000;

  News look_well(const Trouble& now, Moment moment) {
    if (!is_outage_) return since_ = {}, News::none;
    if (well_.ns == 0) well_ = moment, is_refused_known_ = false;
    outage_.to = well_;
    if (!is_refused_known_) {
      outage_.refused = now.refused - std::min(refused_before_, now.refused);
      is_refused_known_ = now.refused_read_ns > well_.ns;
    }
    return is_refused_known_ && moment.ns - well_.ns >= well_after_ns ? close() : News::none;
  }
  News tell(News news, Moment moment) { return told_ns_ = moment.ns, news; }
  News close() { return is_outage_ = false, since_ = well_ = {}, News::over; }

  u64 patience_ns_;
  bool is_outage_ = false, is_refused_known_ = false;
  Moment since_, well_;  // ns 0: not bad, not well again
  Outage outage_;
  u64 failures_before_ = 0, refused_before_ = 0, told_ns_ = 0;
};

}  // namespace shmring::collect
