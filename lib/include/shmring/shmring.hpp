// libshmring for C++20: RAII over the C ABI of shmring.h. Header only; link with libshmring.
//
//   shmring::Producer audit("payments", {.name = "api"});
//   audit.write("authorised 12.50 EUR", {.type = 1, .correlation = trace_id});
//   auto fields = audit.fields({.type = 1});
//   fields.add("amount", 1250).add("currency", "EUR");
//   const shmring::Result result = fields.commit();
//
// Invariants:
//   - constructors and create() throw shmring::Error; write() never throws, and neither does anything else on the write path;
//   - a Producer is moved, not copied; a moved-from one refuses with −EINVAL; its destructor detaches;
//   - a Claim, and Fields, abort unless they were committed, when an exception passes; the Producer outlives them.
// Thread role: as the C handle, one thread at a time.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "shmring.h"

namespace shmring {

// A negative return value of the C ABI, with the text of shmring_last_error().
class Error : public std::runtime_error {
 public:
  explicit Error(int code) : std::runtime_error(shmring_last_error()), code_(code) {}
  int code() const noexcept { return code_; }  // −errno

 private:
  int code_;
};

enum class Kind : std::uint8_t {
  text = SHMRING_KIND_TEXT,
  json = SHMRING_KIND_JSON,
  fields = SHMRING_KIND_FIELDS,
  bytes = SHMRING_KIND_BYTES
};
enum class Lane : std::uint32_t {
  automatic = SHMRING_LANE_AUTO,
  shared = SHMRING_LANE_SHARED,
  exclusive = SHMRING_LANE_EXCLUSIVE
};
enum class OnFull : std::uint32_t {
  drop = SHMRING_POLICY_DROP,
  overwrite = SHMRING_POLICY_OVERWRITE,
  wait = SHMRING_POLICY_WAIT,
  hybrid = SHMRING_POLICY_HYBRID
};

// 16 bytes, so that a W3C trace id fits. All zero: absent.
using Correlation = std::array<std::uint8_t, 16>;

// What write() came to. True if the record is in the ring; else `code` is a condition (> 0, see shmring.h) or −errno.
struct [[nodiscard]] Result {
  int code;
  explicit operator bool() const noexcept { return code == 0; }
  const char* text() const noexcept { return shmring_strerror(code); }
};

struct Meta {
  std::uint32_t type = 0;
  std::uint8_t severity = 0;
  Correlation correlation{};
  bool truncate = false;  // cut what is longer than max_record, and say so in the log
};

// Zero in a field means the default; see shmring_create_options.
struct CreateOptions {
  std::uint32_t slots = 0, slot_bytes = 0, lanes = 0;
  OnFull on_full = OnFull::drop;
  std::uint32_t wait_us = 0, max_record = 0, mode = 0;
  std::string group{};
  std::uint32_t flags = 0, producers = 0;

  shmring_create_options c() const {
    return {sizeof(shmring_create_options),          slots,   slot_bytes, lanes,
            static_cast<std::uint32_t>(on_full),     wait_us, max_record, mode,
            group.empty() ? nullptr : group.c_str(), flags,   producers};
  }
};

struct AttachOptions {
  std::string name{};                     // of the producer, in the log; empty: the program's
  Lane lane = Lane::automatic;
  const CreateOptions* create = nullptr;  // not NULL: create the ring if it is absent
  std::string owner{};                    // user whose rings are trusted, too: see shmring_attach_options
  std::uint32_t wait_us = 0;              // not 0: this handle waits so long for room, whatever the ring's policy is
};

inline void create(const std::string& ring, const CreateOptions& options = {}) {
  const shmring_create_options c = options.c();
  if (const int code = shmring_create(ring.c_str(), &c); code != 0) throw Error(code);
}

inline void unlink(const std::string& ring) {
  if (const int code = shmring_unlink(ring.c_str()); code != 0) throw Error(code);
}

// ------------------------------------------------------------------------------------------------------------- fields
//
// The encoding of Kind::fields: fields one after the other, nothing before, between or behind them. A field is
//
//   head     1 byte    type in the low four bits; in the high four n, 0 … 8
//   size     1 byte    of the key, 1 … 255
//   key                UTF-8, once in a record
//   number   n bytes   little-endian; what n leaves out are zeros, or copies of the sign for int and time
//   content            text and bytes only: `number` bytes
//
//   type   1 int: signed 64 bits · 2 uint: 64 bits · 3 double: IEEE 754, n = 8 · 4 bool: 0 or 1 · 5 text: UTF-8
//          6 bytes · 7 time: signed, nanoseconds since 1970-01-01 00:00 UTC
//
// A record has at most max_fields; none is a record too. All else is invalid: it is logged as base64, and marked.
// In the log a record is an object, its fields in their order: integers beyond ±(2^53 − 1) as strings of digits, since
// most readers of JSON would round them; doubles in the fewest digits that read back the same, NaN and infinities as
// "NaN", "Infinity", "-Infinity"; times as RFC 3339 with nanoseconds; bytes, and text that is not UTF-8, as
// {"base64":"…"}.

enum class FieldType : std::uint8_t { int64 = 1, uint64 = 2, real = 3, boolean = 4, text = 5, bytes = 6, time = 7 };
inline constexpr std::size_t max_fields = 1024;

template <class T>
concept FieldInteger = std::integral<T> && sizeof(T) <= 8 && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
                       !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;
template <class T>
concept FieldReal = std::same_as<T, float> || std::same_as<T, double>;

// Encodes into memory of the caller. What does not fit, a key that is not 1 … 255 bytes, or a field too many, spoils
// the whole: nothing is cut. That a key stands in the record already is not looked for: such a record is invalid.
class FieldEncoder {
 public:
  explicit FieldEncoder(std::span<std::byte> room) noexcept : room_(room) {}

  template <FieldInteger T>
  FieldEncoder& add(std::string_view key, T value) noexcept {
    if constexpr (std::same_as<T, bool>) return number(FieldType::boolean, key, value);
    if constexpr (std::signed_integral<T>) return signed_number(FieldType::int64, key, value);
    return number(FieldType::uint64, key, static_cast<std::uint64_t>(value));
  }
  template <FieldReal T>
  FieldEncoder& add(std::string_view key, T value) noexcept {
    put(FieldType::real, key, std::bit_cast<std::uint64_t>(static_cast<double>(value)), 8, {});
    return *this;
  }
  FieldEncoder& add(std::string_view key, std::string_view text) noexcept {
    return content(FieldType::text, key, std::as_bytes(std::span(text)));
  }
  FieldEncoder& add(std::string_view key, std::span<const std::byte> bytes) noexcept {
    return content(FieldType::bytes, key, bytes);
  }
  // Years 1677 to 2262.
  template <class D>
  FieldEncoder& add(std::string_view key, std::chrono::sys_time<D> time) noexcept {
    using ns = std::chrono::duration<std::int64_t, std::nano>;
    return signed_number(FieldType::time, key, std::chrono::duration_cast<ns>(time.time_since_epoch()).count());
  }

  bool fits() const noexcept { return fits_; }
  std::span<const std::byte> bytes() const noexcept { return room_.first(used_); }

 private:
  FieldEncoder& number(FieldType type, std::string_view key, std::uint64_t value) noexcept {
    put(type, key, value, (static_cast<std::size_t>(std::bit_width(value)) + 7) / 8, {});
    return *this;
  }
  FieldEncoder& signed_number(FieldType type, std::string_view key, std::int64_t value) noexcept {
    const auto magnitude = static_cast<std::uint64_t>(value ^ (value >> 63));  // and one bit for the sign
    const std::size_t n = value == 0 ? 0 : (static_cast<std::size_t>(std::bit_width(magnitude)) + 8) / 8;
    put(type, key, static_cast<std::uint64_t>(value), n, {});
    return *this;
  }
  FieldEncoder& content(FieldType type, std::string_view key, std::span<const std::byte> bytes) noexcept {
    put(type, key, bytes.size(), (static_cast<std::size_t>(std::bit_width(bytes.size())) + 7) / 8, bytes);
    return *this;
  }
  void put(FieldType type, std::string_view key, std::uint64_t value, std::size_t n,
           std::span<const std::byte> content) noexcept {
    const std::size_t left = room_.size() - used_, before = 2 + key.size() + n;
    fits_ = fits_ && !key.empty() && key.size() <= 255 && before <= left && content.size() <= left - before &&
            ++fields_ <= max_fields;
    if (!fits_) return;
    std::byte* to = room_.data() + used_;
    *to++ = static_cast<std::byte>(static_cast<std::size_t>(type) | n << 4);
    *to++ = static_cast<std::byte>(key.size());
    std::memcpy(to, key.data(), key.size());
    to += key.size();
    for (std::size_t i = 0; i < n; ++i) *to++ = static_cast<std::byte>(value >> 8 * i);
    if (!content.empty()) std::memcpy(to, content.data(), content.size());
    used_ += before + content.size();
  }

  std::span<std::byte> room_;
  std::size_t used_ = 0, fields_ = 0;
  bool fits_ = true;
};

// ----------------------------------------------------------------------------------------------------------- in place

// A claimed slot: fill span(), then commit(); see shmring_claim for what else may be done with the producer meanwhile.
class [[nodiscard]] Claim {
 public:
  Claim(Claim&& other) noexcept
      : handle_(other.handle_), meta_(other.meta_), span_(other.span_), sequence_(other.sequence_), code_(other.code_),
        open_(std::exchange(other.open_, false)) {}
  Claim& operator=(Claim&&) = delete;
  ~Claim() { abort(); }

  explicit operator bool() const noexcept { return open_; }
  std::span<std::byte> span() const noexcept { return span_; }  // empty if nothing was claimed

  // Publish the first `bytes` of the span; what the claim came to if there is none. −EINVAL: it is over already.
  Result commit(std::size_t bytes) noexcept {
    if (!end()) return {code_ != 0 ? code_ : -EINVAL};
    return {shmring_commit(handle_, &meta_, bytes)};
  }
  void abort() noexcept {
    if (end()) shmring_abort(handle_);
  }

 private:
  friend class Producer;
  Claim(shmring_producer* handle, std::size_t bytes, const shmring_meta& meta) noexcept : handle_(handle), meta_(meta) {
    void* payload = nullptr;
    code_ = shmring_claim(handle, bytes, &payload);
    if (code_ != 0) return;
    span_ = {static_cast<std::byte*>(payload), bytes};
    sequence_ = shmring_sequence(handle);
    open_ = true;
  }
  // True once, and only if no other call of the handle has ended the claim: a later claim is not this one's to end.
  bool end() noexcept { return std::exchange(open_, false) && shmring_sequence(handle_) == sequence_; }

  shmring_producer* handle_;
  shmring_meta meta_;
  std::span<std::byte> span_{};
  std::uint64_t sequence_ = 0;
  int code_ = 0;
  bool open_ = false;
};

// Fields encoded straight into a claimed slot. A record that does not fit into one is refused as TOO_BIG, and counted.
class [[nodiscard]] Fields {
 public:
  template <class T>
  Fields& add(std::string_view key, const T& value) noexcept {
    encoder_.add(key, value);
    return *this;
  }
  Result commit() noexcept {
    return claim_.commit(encoder_.fits() ? encoder_.bytes().size() : claim_.span().size() + 1);
  }
  void abort() noexcept { claim_.abort(); }

 private:
  friend class Producer;
  explicit Fields(Claim&& claim) noexcept : claim_(std::move(claim)), encoder_(claim_.span()) {}
  Claim claim_;
  FieldEncoder encoder_;
};

// ----------------------------------------------------------------------------------------------------------- producer

class Producer {
 public:
  explicit Producer(const std::string& ring, const AttachOptions& options = {}) {
    const shmring_create_options created = options.create != nullptr ? options.create->c() : shmring_create_options{};
    const shmring_attach_options c{sizeof(shmring_attach_options),
                                   static_cast<std::uint32_t>(options.lane),
                                   options.name.empty() ? nullptr : options.name.c_str(),
                                   options.owner.empty() ? nullptr : options.owner.c_str(),
                                   options.create != nullptr ? &created : nullptr,
                                   options.wait_us,
                                   0};
    if (const int code = shmring_attach(ring.c_str(), &c, &handle_); code != 0) throw Error(code);
  }
  Producer(Producer&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Producer& operator=(Producer&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Producer() { shmring_detach(handle_); }

  // UTF-8 text. Takes a sequence whatever comes of it; see shmring_write.
  Result write(std::string_view text, const Meta& meta = {}) noexcept {
    return write(Kind::text, text.data(), text.size(), meta);
  }
  Result write(std::span<const std::byte> bytes, const Meta& meta = {}) noexcept {
    return write(Kind::bytes, bytes.data(), bytes.size(), meta);
  }
  // Text that is JSON: the collector checks it, and embeds it in its line.
  Result write_json(std::string_view json, const Meta& meta = {}) noexcept {
    return write(Kind::json, json.data(), json.size(), meta);
  }

  // Fields of any number of slots, encoded by the caller. TOO_BIG also if they did not fit there.
  Result write(const FieldEncoder& fields, const Meta& meta = {}) noexcept {
    Meta whole = meta;
    whole.truncate = false;
    return write(Kind::fields, fields.bytes().data(), fields.fits() ? fields.bytes().size() : SIZE_MAX, whole);
  }
  // Begin a record of fields in one slot: add(), then commit().
  Fields fields(const Meta& meta = {}) noexcept {
    return Fields(claim(shmring_slot_payload(handle_), meta, Kind::fields));
  }
  // Begin a record of at most `bytes`, at most one slot's, in place. meta.truncate means nothing here.
  Claim claim(std::size_t bytes, const Meta& meta = {}, Kind kind = Kind::bytes) noexcept {
    shmring_meta c = c_meta(kind, meta);
    c.flags = 0;
    return Claim(handle_, bytes, c);
  }

  // Once a ring; the log then shows the name. Throws Error (EEXIST: the type has another name).
  void name_type(std::uint32_t type, const std::string& name) {
    if (const int code = shmring_name_type(handle_, type, name.c_str()); code < 0) throw Error(code);
  }

  std::uint64_t sequence() const noexcept { return shmring_sequence(handle_); }        // of the last attempt
  std::uint64_t incarnation() const noexcept { return shmring_incarnation(handle_); }  // of this attachment
  shmring_producer* c() noexcept { return handle_; }

 private:
  static shmring_meta c_meta(Kind kind, const Meta& meta) noexcept {
    shmring_meta c{meta.type, static_cast<std::uint8_t>(kind), meta.severity,
                   static_cast<std::uint16_t>(meta.truncate ? SHMRING_META_TRUNCATE : 0), {}};
    for (std::size_t i = 0; i < meta.correlation.size(); ++i) c.correlation[i] = meta.correlation[i];
    return c;
  }
  Result write(Kind kind, const void* payload, std::size_t bytes, const Meta& meta) noexcept {
    const shmring_meta c = c_meta(kind, meta);
    return {shmring_write(handle_, &c, payload, bytes)};
  }

  shmring_producer* handle_ = nullptr;
};

}  // namespace shmring
