// What a Receiver is made of: see receiver.hpp. receiver.cpp takes messages, receiver_commit.cpp commits them.
#pragma once

#include <map>
#include <optional>

#include "lib/fleet/log_store.hpp"
#include "lib/fleet/receiver.hpp"

namespace shmring::fleet {

// One log, while the receiver runs.
struct KeptLog {
  KeptLog(int root, const std::string& root_path, const LogName& name) : store(root, root_path, name) { seen.name = name; }

  LogStore store;
  ReceivedLog seen;               // what others see of it
  std::vector<u64> tickets;       // of messages that the next commit acknowledges
  std::vector<u64> gap_tickets;   // of messages behind a gap
  std::optional<u64> gap_due_ns;  // when the host is asked for what is missing
  u64 last_sequence = 0;          // the highest of those that the next commit acknowledges
  u64 trim_below = 0;             // 0: nothing is to be trimmed
  bool is_to_be_told = false;
  u64 open_due_ns = 0;   // after a failure: when to try again
  bool is_full = false;  // the disk was, when the log was opened or written
  u64 used = 0;          // counts up: the least is the one that was not used for longest
};

class Receiver::Parts {
 public:
  Parts(ReceiveRequest request, ReceivingEngine& engine) : request_(std::move(request)), engine_(engine) {}

  int open();
  u64 step(u64 now);
  void commit(u64 now);

  ReceiveStatus status;
  std::map<LogName, KeptLog> logs;
  std::vector<Said> said;

 private:
  int open_all();
  // Returns false if the disk is full: the message is to be taken once more, later.
  bool take(const Delivery& delivery, u64 now);
  bool take_range(KeptLog& log, const Delivery& delivery, u64 now);
  bool take_rider(KeptLog& log, const Delivery& delivery, const std::string& name, u64 now);
  void took(KeptLog& log, const Delivery& delivery, Put put, u64 bytes, u64 now);
  void behind_a_gap(KeptLog& log, u64 ticket, u64 now);
  void differs(KeptLog& log, const Delivery& delivery, const Range& range, const std::string& bytes, const std::string& text);
  void refuse_message(const Delivery& delivery, const std::string& what, const std::string& text);
  KeptLog* log_of(const LogName& name);
  bool make_ready(KeptLog& log, u64 now);
  void failed(KeptLog& log, const std::string& text, u64 now);

  void commit_all(u64 now);
  void commit_one(KeptLog& log, u64 now);
  void want_what_is_missing(u64 now);
  void tell_hosts();
  void flush_ends();
  bool engine_did(Outcome outcome, const char* what, const std::string& text);
  u64 next_due(u64 now) const;

  void say(Weight weight, const std::string& code, const std::string& key, const std::string& text);
  void over(const std::string& code, const std::string& key, const std::string& text);

  const ReceiveRequest request_;
  ReceivingEngine& engine_;
  os::Fd root_;
  std::vector<Delivery> fetched_;
  std::size_t taken_ = 0;  // of fetched_
  std::string unpacked_;   // the message at hand; its memory is kept for the next one
  std::vector<u64> acknowledged_, ended_;
  std::optional<u64> commit_due_ns_;
  u64 uses_ = 0;
  std::map<std::string, std::string> active_;  // what was said and is not over, by code and whom it is about
};

}  // namespace shmring::fleet
