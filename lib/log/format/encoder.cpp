// Values to JSON: see encoder.hpp.
#include "lib/log/format/encoder.hpp"

#include <cstring>
#include <utility>

#include "lib/include/shmring/shmring.h"
#include "lib/log/format/base64.hpp"
#include "lib/log/format/fields.hpp"
#include "lib/log/format/pen.hpp"
#include "lib/log/format/time.hpp"

namespace shmring::log {
namespace {

void put_ring_id(Pen& pen, const RingId& ring) {
  if ((ring[0] | ring[1]) != 0) pen << ",\"ring_id\":\"" << text_of(ring) << "\"";
}

void put_causes(Pen& pen, const Causes& causes) {
  pen << "{";
  bool more = false;
  for (std::size_t i = 0; i < cause_count; ++i) {
    if (causes.count[i] == 0) continue;
    pen << (more ? ",\"" : "\"") << name_of(static_cast<Cause>(i)) << "\":" << causes.count[i];
    more = true;
  }
  pen << "}";
}

void put_tree(Pen& pen, const TreeState& tree) {
  pen << ",\"tree\":{\"base\":" << tree.base << ",\"size\":" << tree.frontier.size << ",\"hashes\":[";
  for (const Hash& hash : tree.frontier.hashes) {
    pen << (&hash == tree.frontier.hashes.data() ? "\"" : ",\"");
    append_base64(pen.flush(), std::as_bytes(std::span(hash)));
    pen << "\"";
  }
  pen << "]}";
}

void put_old(Pen& pen, const FormerLog& old) {
  (pen << ",\"old\":{\"folder\":").string(old.folder);
  if (!old.origin.empty()) {
    (pen << ",\"origin\":").string(old.origin) << ",\"size\":" << old.size << ",\"root\":\"";
    append_base64(pen.flush(), std::as_bytes(std::span(old.root)));
    pen << "\"";
  }
  pen << "}";
}

void put_correlation(Pen& pen, const std::array<u8, 16>& correlation) {
  u64 halves[2];
  std::memcpy(halves, correlation.data(), sizeof halves);
  if ((halves[0] | halves[1]) != 0) (pen << ",\"corr\":\"").hex(correlation) << "\"";
}

// Writes the payload as its kind says. Returns false if it does not conform to its kind, and was written as text or base64
// instead.
bool put_data(Pen& pen, u8 kind, std::span<const std::byte> payload) {
  const std::string_view text(reinterpret_cast<const char*>(payload.data()), payload.size());
  if (kind == SHMRING_KIND_JSON && append_canonical(pen.flush(), text)) return true;
  if (kind == SHMRING_KIND_FIELDS && append_fields(pen.flush(), payload)) return true;
  const bool as_text = kind == SHMRING_KIND_TEXT || kind == SHMRING_KIND_JSON;
  if (as_text && plain_prefix(text) == text.size()) {
    pen.plain(text);
  } else if (as_text && valid_utf8(text)) {
    pen.string(text);
  } else {
    pen << "{\"base64\":\"";
    append_base64(pen.flush(), payload);
    pen << "\"}";
  }
  return kind == SHMRING_KIND_TEXT || kind == SHMRING_KIND_BYTES;
}

void put_accounts(Pen& pen, const std::vector<AccountState>& accounts, const Incarnations& over) {
  pen << "\"accounts\":[";
  for (const AccountState& account : accounts) {
    pen << (&account == accounts.data() ? "{\"producer\":" : ",{\"producer\":");
    pen.string(account.producer) << ",\"inc\":" << account.incarnation << ",\"through\":" << account.through;
    pen << (account.open ? ",\"open\":true,\"causes\":" : ",\"open\":false,\"causes\":");
    put_causes(pen, account.causes);
    if (account.open && account.start_time > 0) pen << ",\"pid\":" << u64{account.pid} << ",\"start\":" << account.start_time;
    pen << "}";
  }
  pen << "]";
  std::string_view before = ",\"over\":[";
  for (const auto& [first, last] : over.ranges()) {
    pen << before << "[" << first << "," << last << "]";
    before = ",";
  }
  if (!over.ranges().empty()) pen << "]";
}

}  // namespace

// Writes the lines of one call.
class Encoder::Text {
 public:
  Text(Encoder& encoder, std::string& out, u64 index) : encoder_(encoder), pen_(out), index_(index) {}

  void put(const Event& event) {
    put_kind("event", event.time_ns);
    put_source(event.producer, event.incarnation);
    pen_ << ",\"seq\":" << event.sequence << ",\"lane\":" << u64{event.lane} << ",\"pos\":" << event.position << ",\"type\":";
    if (event.type_name.empty()) {
      pen_ << u64{event.type};
    } else {
      pen_.string(event.type_name);
    }
    pen_ << ",\"sev\":" << u64{event.severity};
    put_correlation(pen_, event.correlation);
    pen_ << ",\"data\":";
    const bool valid = put_data(pen_, event.kind, event.payload);
    if (event.truncated) pen_ << ",\"truncated\":true";
    if (event.late) pen_ << ",\"late\":true";
    if (!valid) pen_ << ",\"invalid\":true";
  }

  void put(const Loss& loss) {
    put_head("loss", loss.time_ns);
    put_producer(loss.producer, loss.incarnation);
    pen_ << ",\"first\":" << loss.first << ",\"last\":" << loss.last << ",\"count\":" << loss.last - loss.first + 1
         << ",\"causes\":";
    put_causes(pen_, loss.causes);
  }

  void put(const LifeLine& line) {
    constexpr std::string_view names[] = {"attach", "detach", "died"};
    put_head(names[static_cast<std::size_t>(line.life)], line.time_ns);
    put_producer(line.producer, line.incarnation);
    pen_ << ",\"pid\":" << u64{line.pid} << ",\"uid\":" << u64{line.uid} << ",\"lane\":" << u64{line.lane} << ",\"exe\":";
    pen_.string(line.exe);
    if (line.life == Life::attach) {
      if (line.from > 0) pen_ << ",\"from\":" << line.from;
      if (line.start_time > 0) pen_ << ",\"start\":" << line.start_time;
      if (!line.claimed.empty()) (pen_ << ",\"claimed\":").string(line.claimed);
      return;
    }
    pen_ << ",\"last\":" << line.last << ",\"causes\":";
    put_causes(pen_, line.causes);
    pen_ << ",\"nested\":" << line.nested;
  }

  void put(const Accounts& line) {
    put_head("accounts", line.time_ns);
    pen_ << ",";
    put_accounts(pen_, line.accounts, line.over);
    put_ring_id(pen_, line.ring);
    std::string_view before = ",\"retired\":[";
    for (const RingAccounts& retired : line.retired) {
      pen_ << before << "{\"ring_id\":\"" << text_of(retired.ring) << "\",";
      put_accounts(pen_, retired.accounts, retired.over);
      pen_ << "}";
      before = ",";
    }
    if (!line.retired.empty()) pen_ << "]";
    if (line.clean) pen_ << ",\"clean\":true";
    if (line.tree) put_tree(pen_, *line.tree);
    if (line.old) put_old(pen_, *line.old);
  }

  void put(const Gone& gone) {
    put_head("gone", gone.time_ns);
    put_producer(gone.producer, gone.incarnation);
    pen_ << ",\"through\":" << gone.through;
  }

  void put(const Note& note) {
    put_head(note.kind, note.time_ns);
    for (const Note::Pair& pair : note.pairs) {
      (pen_ << ",").string(pair.key) << ":";
      if (pair.number) {
        pen_ << std::string_view(pair.value);
      } else {
        pen_.string(pair.value);
      }
    }
  }

  void end(const RingId& ring_id) {
    put_ring_id(pen_, ring_id);
    pen_ << "}\n";
    ++index_;
  }

 private:
  // `kind` is one of our own.
  void put_kind(std::string_view kind, u64 time_ns) {
    pen_ << "{\"v\":1,\"kind\":";
    pen_.plain(kind) << ",\"index\":" << index_ << ",\"time\":\"";
    put_time(time_ns);
  }
  void put_time(u64 time_ns) {
    Second& kept = encoder_.second_;
    const u64 second = time_ns / second_ns;
    if (second != kept.number) format_second(static_cast<i64>(second), kept.text), kept.number = second;
    pen_ << std::string_view(kept.text, sizeof kept.text);
    format_fraction(time_ns % second_ns, pen_.take(10));
  }
  void put_head(std::string_view kind, u64 time_ns) {
    put_kind(kind, time_ns);
    put_ring(pen_);
  }
  void put_ring(Pen& pen) const { (pen << "\",\"ring\":").string(encoder_.ring_); }
  static void put_producer(Pen& pen, std::string_view producer, u64 incarnation) {
    (pen << ",\"producer\":").string(producer) << ",\"inc\":" << incarnation;
  }
  void put_producer(std::string_view producer, u64 incarnation) { put_producer(pen_, producer, incarnation); }
  // Writes the ring and the producer of an event.
  void put_source(std::string_view producer, u64 incarnation) {
    Source& source = encoder_.sources_[incarnation % encoder_.sources_.size()];
    if (source.incarnation != incarnation || source.producer != producer || source.text.empty()) [[unlikely]] {
      Source other{incarnation, std::string(producer), {}};
      {
        Pen text(other.text);
        put_ring(text);
        put_producer(text, producer, incarnation);
      }
      source = std::move(other);
    }
    pen_ << std::string_view(source.text);
  }

  Encoder& encoder_;
  Pen pen_;
  u64 index_;
};

bool append_data(std::string& out, u8 kind, std::span<const std::byte> payload) {
  Pen pen(out);
  return put_data(pen, kind, payload);
}

void Encoder::encode(std::span<const Line> lines, u64 index, std::string& out, const RingId& ring_id) {
  Text text(*this, out, index);
  for (const Line& line : lines) {
    std::visit([&text](const auto& value) { text.put(value); }, line);
    text.end(ring_id);
  }
}

}  // namespace shmring::log
