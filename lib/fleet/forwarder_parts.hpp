// What a Forwarder is made of: see forwarder.hpp. forwarder.cpp sends, forwarder_position.cpp asks, forwarder_riders.cpp has
// what rides along.
#pragma once

#include <map>

#include "lib/fleet/forwarder.hpp"
#include "lib/fleet/log_feed.hpp"

namespace shmring::fleet {

inline constexpr u64 engine_timeout = 5 * second;  // what has no answer by then will not take effect

// A file that rides along.
struct RiderState {
  std::string name;
  bool is_known = false;  // what the engine has of it; then:
  u64 sequence = 0;
  std::string sent;     // its text
  std::string waiting;  // the text that goes out when the lines before `index` are sent; empty: none
  u64 index = 0;
  u64 due_ns = 0;  // when to look at it again

  explicit RiderState(std::string_view rider) : name(rider) {}
};

class Forwarder::Parts {
 public:
  Parts(ForwardRequest request, PublishingEngine& engine);

  u64 step(u64 now_ns);

  ForwardStatus status;
  std::vector<Said> said;

 private:
  // Each returns when to go on, or nothing if the next one is to be done.
  using Later = std::optional<u64>;

  Later look(u64 now);
  Later cannot_read(u64 now);
  Later identify(u64 now);
  Later send_lines(u64 now);
  Later publish(Chunk& chunk, u64 now);
  void sent(const Chunk& chunk, u64 sequence, std::size_t packed, u64 now);
  Later failed(Outcome outcome, const std::string& text, u64 now);
  bool is_archive_behind(u64 now);

  Later ask_archive(u64 now);
  void take_archived(const Stored& stored);
  void keep_archived();
  void remember_archived();
  Later ask_position(u64 now);
  bool position_of_last(const Stored& last);
  bool position_of_archive();
  bool has_archive_more(const Range& last) const;
  bool unreadable();
  bool resolve(const Position& position, const std::string& who);
  bool lose(const Position& position, const std::string& who);
  void say_lost(u64 now);
  void compare(const Range& range, const std::string& data);
  void forget_position() { status.file.clear(); }
  bool is_known() const { return !status.file.empty(); }
  void set_position(const Position& position);

  Later send_riders(u64 now);
  Outcome ask_rider(RiderState& rider, std::string& text);
  void look_at_rider(RiderState& rider, u64 now);

  std::string place() const { return "log " + request_.dir; }
  void say(Weight weight, const std::string& code, const std::string& text);
  // Says that something is over, if it was said.
  void over(const std::string& code, const std::string& text);
  void enter(Sending state, const std::string& text);

  ForwardRequest request_;
  PublishingEngine& engine_;
  LogFeed feed_;
  LogName name_;
  std::string subject_, archived_subject_;
  u64 place_ = 0;             // of the feed, when the log was identified
  std::string oldest_;        // its oldest file then
  u64 listed_for_ = ~u64{0};  // D when the files were listed last
  u64 list_due_ns_ = 0;
  std::optional<u64> unreadable_ns_;  // since when the log cannot be read

  u64 last_sequence_ = 0;  // of the log's subject
  Follows follows_ = Follows::sent;
  std::string lost_text_;  // why no position was found; empty: none was lost
  u64 ask_due_ns_ = 0;     // while the position is not known
  std::optional<u64> lost_since_ns_;
  Outcome asks_after_ = Outcome::done;  // an error whose wait begins with the next step
  u64 backoff_ns_ = 0;
  std::size_t most_ = most_bytes;  // of a range, so that it fits when it is packed
  u64 gather_due_ns_ = 0;          // small ranges wait until then for more

  bool archive_was_asked_ = false;
  u64 archive_due_ns_ = 0;
  // The most that the archive has ever said, also to a forwarder before this one: the engine may say an older text, and the
  // host has removed its files by the newer one. What the archive wants is less, and takes its place.
  std::optional<log::Archived> furthest_;
  u64 archived_sequence_ = 0;
  u64 rewinding_ = 0, wanted_done_ = 0;  // sequences of what the archive has said: it is being done, and it is done
  std::string archived_text_, kept_text_;
  std::optional<u64> archive_stands_ns_;  // since when it has had no more

  std::vector<RiderState> riders_;
  std::map<std::string, std::string> active_;  // what was said and is not over, by code
};

}  // namespace shmring::fleet
