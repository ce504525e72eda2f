// Values to text, in the log's form and key order: see line.hpp.
#include "lib/log/format/line.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "lib/log/format/fields.hpp"
#include "lib/log/format/json.hpp"
#include "lib/log/format/time.hpp"
#include "lib/include/shmring/shmring.h"

namespace shmring::log {
namespace {

constexpr auto powers_of_ten = [] {
  std::array<u64, 20> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = 10 * powers[i - 1];
  return powers;
}();

std::size_t digits_of(u64 value) {
  const auto least = static_cast<std::size_t>(std::bit_width(value | 1)) * 1233 >> 12;  // bits × log10 2: this, or one more
  return least + (value >= powers_of_ten[least] || least == 0);
}

void put_hex(const std::array<u8, 16>& bytes, char (&text)[32]) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
    text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
  }
}

// Writes into room at the string's end, which it makes in steps and gives back: one growth for many keys, and for many lines
// where nobody else appends in between; and no byte is copied again (small stores that are read back as wide words right away
// cost more than the rest of a line).
class Pen {
 public:
  explicit Pen(std::string& out) : out_(out), at_(out.data() + out.size()), end_(at_) {}
  Pen(const Pen&) = delete;
  ~Pen() { flush(); }

  // Room for so many bytes, which the caller writes.
  [[gnu::always_inline]] char* take(std::size_t bytes) {
    if (bytes > static_cast<std::size_t>(end_ - at_)) [[unlikely]] make_room(bytes);
    at_ += bytes;
    return at_ - bytes;
  }

  [[gnu::always_inline]] Pen& operator<<(std::string_view text) {
    std::memcpy(take(text.size()), text.data(), text.size());
    return *this;
  }

  Pen& operator<<(u64 value) {
    const std::size_t digits = digits_of(value);
    char* const first = take(digits);
    char* at = first + digits;
    while (value >= 100) put_two(at -= 2, value % 100), value /= 100;
    if (value >= 10) {
      put_two(first, value);
    } else {
      *first = static_cast<char>('0' + value);
    }
    return *this;
  }

  Pen& string(std::string_view text) {
    if (plain_prefix(text) == text.size()) return plain(text);
    *this << "\"";
    append_escaped(flush(), text);
    return *this << "\"";
  }

  // A text that plain_prefix() has found to have no other characters.
  Pen& plain(std::string_view text) { return *this << "\"" << text << "\""; }

  // What stands so far is in the string: go on there.
  std::string& flush() {
    if (at_ == end_) return out_;
    out_.resize(static_cast<std::size_t>(at_ - out_.data()));
    end_ = at_;
    step_ = least_step;
    return out_;
  }

 private:
  static constexpr std::size_t least_step = 384, most_step = 65536;

  [[gnu::noinline]] void make_room(std::size_t bytes) {
    const std::size_t used = at_ == end_ ? out_.size() : static_cast<std::size_t>(at_ - out_.data());
    out_.resize(used + bytes + step_);
    at_ = out_.data() + used, end_ = out_.data() + out_.size();
    step_ = std::min(2 * step_, most_step);
  }

  std::string& out_;
  char* at_;   // the next byte
  char* end_;  // of the room; where at_ is, all of the string is written, also what others appended to it after a flush
  std::size_t step_ = least_step;
};

void put_time(Pen& pen, u64 time_ns) {
  struct Cache {
    u64 second = ~0ull;
    char text[20];
  };
  thread_local Cache cache;
  const u64 second = time_ns / second_ns, fraction = time_ns % second_ns;
  if (second != cache.second) format_second(static_cast<i64>(second), cache.text), cache.second = second;
  pen << std::string_view(cache.text, sizeof cache.text);
  format_fraction(fraction, pen.take(10));
}

// kind: one of ours.
void put_kind(Pen& pen, std::string_view kind, u64 index, u64 time_ns) {
  pen << "{\"v\":1,\"kind\":";
  pen.plain(kind) << ",\"index\":" << index << ",\"time\":\"";
  put_time(pen, time_ns);
}

void put_ring(Pen& pen, std::string_view ring) { (pen << "\",\"ring\":").string(ring); }

void put_head(Pen& pen, std::string_view kind, u64 index, u64 time_ns, std::string_view ring) {
  put_kind(pen, kind, index, time_ns);
  put_ring(pen, ring);
}

void put_producer(Pen& pen, std::string_view producer, u64 incarnation) {
  (pen << ",\"producer\":").string(producer) << ",\"inc\":" << incarnation;
}

// Both, as they were encoded for an earlier event: a producer writes many. Incarnations that live together are mostly in a row.
void put_source(Pen& pen, std::string_view ring, std::string_view producer, u64 incarnation) {
  struct Source {
    u64 incarnation = 0;
    std::string ring, producer, text;
  };
  thread_local std::array<Source, 16> sources;
  Source& source = sources[incarnation % sources.size()];
  const bool known = source.incarnation == incarnation && source.producer == producer && source.ring == ring;
  if (!known || source.text.empty()) [[unlikely]] {
    Source other{incarnation, std::string(ring), std::string(producer), {}};
    {
      Pen text(other.text);
      put_ring(text, ring);
      put_producer(text, producer, incarnation);
    }
    source = std::move(other);
  }
  pen << std::string_view(source.text);
}

void put_ring_id(Pen& pen, const RingId& ring) {
  if (ring != RingId{}) pen << ",\"ring_id\":\"" << text_of(ring) << "\"";
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

void put_correlation(Pen& pen, const std::array<u8, 16>& correlation) {
  u64 halves[2];
  std::memcpy(halves, correlation.data(), sizeof halves);
  if ((halves[0] | halves[1]) == 0) return;
  char text[32];
  put_hex(correlation, text);
  pen << ",\"corr\":\"" << std::string_view(text, sizeof text) << "\"";
}

// The payload as its kind says; false: it is not what its kind says, and was written as text or base64 instead.
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

void put(Pen& pen, const Event& event, u64 index, std::string_view ring) {
  put_kind(pen, "event", index, event.time_ns);
  put_source(pen, ring, event.producer, event.incarnation);
  pen << ",\"seq\":" << event.sequence << ",\"lane\":" << u64{event.lane} << ",\"pos\":" << event.position
      << ",\"type\":";
  if (event.type_name.empty()) {
    pen << u64{event.type};
  } else {
    pen.string(event.type_name);
  }
  pen << ",\"sev\":" << u64{event.severity};
  put_correlation(pen, event.correlation);
  pen << ",\"data\":";
  const bool valid = put_data(pen, event.kind, event.payload);
  if (event.truncated) pen << ",\"truncated\":true";
  if (event.late) pen << ",\"late\":true";
  if (!valid) pen << ",\"invalid\":true";
}

void put(Pen& pen, const Loss& loss, u64 index, std::string_view ring) {
  put_head(pen, "loss", index, loss.time_ns, ring);
  put_producer(pen, loss.producer, loss.incarnation);
  pen << ",\"first\":" << loss.first << ",\"last\":" << loss.last << ",\"count\":" << loss.last - loss.first + 1
      << ",\"causes\":";
  put_causes(pen, loss.causes);
}

void put(Pen& pen, const LifeLine& line, u64 index, std::string_view ring) {
  constexpr std::string_view names[] = {"attach", "detach", "died"};
  put_head(pen, names[static_cast<std::size_t>(line.life)], index, line.time_ns, ring);
  put_producer(pen, line.producer, line.incarnation);
  pen << ",\"pid\":" << u64{line.pid} << ",\"uid\":" << u64{line.uid} << ",\"lane\":" << u64{line.lane} << ",\"exe\":";
  pen.string(line.exe);
  if (line.life == Life::attach) {
    if (line.from > 0) pen << ",\"from\":" << line.from;
    if (line.start_time > 0) pen << ",\"start\":" << line.start_time;
    if (!line.claimed.empty()) (pen << ",\"claimed\":").string(line.claimed);
    return;
  }
  pen << ",\"last\":" << line.last << ",\"causes\":";
  put_causes(pen, line.causes);
  pen << ",\"nested\":" << line.nested;
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

void put(Pen& pen, const Accounts& line, u64 index, std::string_view ring) {
  put_head(pen, "accounts", index, line.time_ns, ring);
  pen << ",";
  put_accounts(pen, line.accounts, line.over);
  put_ring_id(pen, line.ring);
  std::string_view before = ",\"retired\":[";
  for (const RingAccounts& retired : line.retired) {
    pen << before << "{\"ring_id\":\"" << text_of(retired.ring) << "\",";
    put_accounts(pen, retired.accounts, retired.over);
    pen << "}";
    before = ",";
  }
  if (!line.retired.empty()) pen << "]";
}

void put(Pen& pen, const Gone& gone, u64 index, std::string_view ring) {
  put_head(pen, "gone", index, gone.time_ns, ring);
  put_producer(pen, gone.producer, gone.incarnation);
  pen << ",\"through\":" << gone.through;
}

void put(Pen& pen, const Note& note, u64 index, std::string_view ring) {
  put_head(pen, note.kind, index, note.time_ns, ring);
  for (const Note::Pair& pair : note.pairs) {
    (pen << ",").string(pair.key) << ":";
    if (pair.number) {
      pen << std::string_view(pair.value);
    } else {
      pen.string(pair.value);
    }
  }
}

constexpr std::string_view cause_names[cause_count] = {"full",    "timeout", "contended", "too_big",
                                                        "no_room", "aborted", "retired",   "overwritten",
                                                        "died",    "corrupt", "collector", "refused"};

}  // namespace

std::string_view name_of(Cause cause) { return cause_names[static_cast<std::size_t>(cause)]; }

Causes& Causes::operator+=(const Causes& other) {
  for (std::size_t i = 0; i < count.size(); ++i) count[i] += other.count[i];
  return *this;
}

u64 Causes::total() const {
  u64 sum = 0;
  for (u64 n : count) {
    if (__builtin_add_overflow(sum, n, &sum)) return ~0ull;  // only in a log that is not ours
  }
  return sum;
}

u64 Causes::refusals() const {
  u64 sum = (*this)[Cause::refused];
  for (std::size_t i = 0; i < refusal_causes; ++i) sum += count[i];
  return sum;
}

bool append_data(std::string& out, u8 kind, std::span<const std::byte> payload) {
  Pen pen(out);
  return put_data(pen, kind, payload);
}

std::string text_of(const RingId& ring) {
  char text[32];
  put_hex(std::bit_cast<std::array<u8, 16>>(ring), text);
  return {text, sizeof text};
}

bool ring_id_of(std::string_view text, RingId& out) {
  std::array<u8, 16> bytes{};
  if (text.size() != 2 * bytes.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return false;
    bytes[i / 2] = static_cast<u8>(bytes[i / 2] << 4 | (digit ? c - '0' : c - 'a' + 10));
  }
  out = std::bit_cast<RingId>(bytes);
  return true;
}

void encode(std::span<const Line> lines, u64 index, std::string_view ring, std::string& out, const RingId& ring_id) {
  Pen pen(out);
  for (const Line& line : lines) {
    std::visit([&](const auto& value) { put(pen, value, index, ring); }, line);
    put_ring_id(pen, ring_id);
    pen << "}\n";
    ++index;
  }
}

}  // namespace shmring::log
