// libshmring for C++20: RAII over the C ABI of shmring.h. Header only; link with libshmring.
//
//   shmring::PerThread audit("payments", {.name = "api"});      one object for all threads: each has a handle of its own
//   audit.write("authorised 12.50 EUR", {.type = 1, .correlation = trace_id});
//   auto fields = audit.fields({.type = 1});
//   fields.add("amount", 1250).add("currency", "EUR");
//   const shmring::Result result = fields.commit();
//   if (audit.wait_durable(std::chrono::seconds(1))) …           what this thread has written survives a power cut
//
// PerThread (per_thread.hpp) attaches by itself. Producer is a single handle for callers that manage handles themselves. Both
// have the same functions for writing.
//
// Invariants:
//   - constructors, create(), unlink() and name_type() throw shmring::Error. write() never throws, and neither does anything
//     else on the write path;
//   - a Producer can be moved, but not copied. One that was moved from is empty, like a default one, and refuses with −EINVAL.
//     The destructor detaches;
//   - the destructor of a Claim or of Fields aborts what was not committed, also when an exception passes. Their Producer must
//     outlive them.
// Thread role: a Producer, a Claim and Fields are used by one thread at a time, like the C handle. All else: any thread.
// SPDX-License-Identifier: MIT
#pragma once

#if __cplusplus <= 201703L
#error "shmring.hpp needs C++20 (-std=c++20); older C++ can use the C interface in shmring.h"
#else

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "fields.hpp"
#include "shmring.h"

namespace shmring {
namespace detail {
class HandlePool;  // per_thread.hpp
}

// Reports a result of the C ABI that is not 0. The text of a −errno is that of shmring_last_error(), the text of a condition
// that of shmring_strerror().
class Error : public std::runtime_error {
 public:
  explicit Error(int code) : Error(code, code < 0 ? shmring_last_error() : shmring_strerror(code)) {}
  Error(int code, const std::string& text) : std::runtime_error(text), code_(code) {}
  int code() const noexcept { return code_; }

 private:
  int code_;
};

// Returns the version of the loaded library: major << 16 | minor.
inline std::uint32_t version() noexcept { return shmring_version(); }

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

// A correlation id has the size of a W3C trace id. All zero means absent.
using Correlation = std::array<std::uint8_t, 16>;
// Returns the correlation that a text says: 32 hex digits, or a W3C `traceparent` (00-<trace id>-<parent>-<flags>). It is all
// zero, which means absent, if the text is neither.
constexpr Correlation correlation_of(std::string_view text) noexcept {
  if (text.size() == 55 && text[2] == '-' && text[35] == '-' && text[52] == '-') text = text.substr(3, 32);
  Correlation id{};
  if (text.size() != 2 * id.size()) return id;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return {};
    id[i / 2] = static_cast<std::uint8_t>(id[i / 2] << 4 | digit);
  }
  return id;
}
// The identity of a ring (see shmring_ring_id). All zero means none.
using RingId = std::array<std::uint8_t, 16>;

// The result of a write. It is true if the record is in the ring. Otherwise `code` is a condition (> 0, see shmring.h) or
// −errno. −EINVAL means a wrong argument, an empty Producer, a claim that is over, or an invalid record of fields.
struct [[nodiscard]] Result {
  int code;
  explicit operator bool() const noexcept { return code == 0; }
  const char* text() const noexcept { return shmring_strerror(code); }
};

// Syslog's scale (RFC 5424), for Meta::severity: an application may have another one.
struct Severity {
  enum Level : std::uint8_t { emergency, alert, critical, error, warning, notice, info, debug };
};

struct Meta {
  std::uint32_t type = 0;
  std::uint8_t severity = 0;
  Correlation correlation{};
  bool truncate = false;  // cut what is longer than max_record, and say so in the log
};

// See shmring_create_options for units and limits. Zero in a field means the default.
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
  std::string name{};  // the producer's name in the log; if empty, the program's name
  Lane lane = Lane::automatic;
  const CreateOptions* create = nullptr;  // if not NULL, the ring is created if it is absent
  std::string owner{};                    // a user whose rings are trusted as well: see shmring_attach_options
  std::uint32_t wait_us = 0;              // if not 0, how many µs this handle waits for room, whatever the ring's policy is
};

// See shmring_create and shmring_unlink. They throw Error, whose code is −errno. Thread role: any thread, not in a signal
// handler.
inline void create(const std::string& ring, const CreateOptions& options = {}) {
  const shmring_create_options c = options.c();
  if (const int code = shmring_create(ring.c_str(), &c); code != 0) throw Error(code);
}

inline void unlink(const std::string& ring) {
  if (const int code = shmring_unlink(ring.c_str()); code != 0) throw Error(code);
}

// ----------------------------------------------------------------------------------------------------------- in place

// A claimed slot: fill span(), then commit(). shmring_abort says what may be done with the producer in between. Thread role:
// the thread that claimed. Nothing here throws.
class [[nodiscard]] Claim {
 public:
  Claim(Claim&& other) noexcept
      : handle_(other.handle_), meta_(other.meta_), span_(other.span_), sequence_(other.sequence_), life_(other.life_),
        begun_in_(other.begun_in_), code_(other.code_), open_(std::exchange(other.open_, false)) {}
  Claim& operator=(Claim&&) = delete;
  ~Claim() { abort(); }

  explicit operator bool() const noexcept { return open_; }
  Result result() const noexcept { return {code_}; }            // of the claim, not of commit()
  std::span<std::byte> span() const noexcept { return span_; }  // empty if nothing was claimed

  // Publishes the first `bytes` bytes of the span; see shmring_commit. If nothing was claimed, this returns result(). If the
  // claim is over already, this returns −EINVAL.
  Result commit(std::size_t bytes) noexcept {
    if (!end()) return {code_ != 0 ? code_ : -EINVAL};
    return {shmring_commit(handle_, &meta_, bytes)};
  }
  void abort() noexcept {
    if (end()) shmring_abort(handle_);
  }

 private:
  template <class>
  friend class Writer;
  explicit Claim(const shmring_meta& meta) noexcept : meta_(meta) {}

  // `life` is NULL or points to a number that changes when the handle is given back.
  int begin(shmring_producer* handle, const std::uint32_t* life, std::size_t bytes) noexcept {
    void* payload = nullptr;
    const int code = shmring_claim(handle, bytes, &payload);
    if (code != 0) return code;
    handle_ = handle, life_ = life, begun_in_ = life != nullptr ? *life : 0;
    span_ = {static_cast<std::byte*>(payload), bytes};
    sequence_ = shmring_sequence(handle);
    open_ = true;
    return 0;
  }
  // Returns true once, and only if no other call of the handle has ended the claim, since a later claim of the same handle must
  // stay open.
  bool end() noexcept {
    return std::exchange(open_, false) && (life_ == nullptr || *life_ == begun_in_) && shmring_sequence(handle_) == sequence_;
  }

  shmring_producer* handle_ = nullptr;
  shmring_meta meta_;
  std::span<std::byte> span_{};
  std::uint64_t sequence_ = 0;
  const std::uint32_t* life_ = nullptr;
  std::uint32_t begun_in_ = 0;
  int code_ = 0;
  bool open_ = false;
};

// Fields that are encoded straight into a claimed slot. commit() returns TOO_BIG if they do not fit into one slot, whatever
// max_record is (FieldEncoder can be used for larger records). It returns −EINVAL for an invalid record of fields (see
// FieldEncoder::code). Both are counted losses, the second of cause `aborted`. Thread role: the thread that claimed. Nothing
// here throws.
class [[nodiscard]] Fields {
 public:
  template <class T>
  Fields& add(std::string_view key, const T& value) noexcept {
    encoder_.add(key, value);
    return *this;
  }
  Result commit() noexcept {
    if (encoder_.code() == -EINVAL && claim_) return claim_.abort(), Result{-EINVAL};
    return claim_.commit(encoder_.fits() ? encoder_.bytes().size() : claim_.span().size() + 1);
  }
  void abort() noexcept { claim_.abort(); }

 private:
  template <class>
  friend class Writer;
  explicit Fields(Claim&& claim) noexcept : claim_(std::move(claim)), encoder_(claim_.span()) {}
  Claim claim_;
  FieldEncoder encoder_;
};

// ------------------------------------------------------------------------------------------------------------ writing

// The functions for writing, which Producer and PerThread share. See shmring_write for results, sequences and thread roles.
// Self gives the handle: with_handle() calls its argument with a handle and returns the result, or the reason why there is no
// handle. with_own_handle() does the same, with a handle that stays for the end of a claim.
template <class Self>
class Writer {
 public:
  // Writes UTF-8 text, or bytes. A const char* that is NULL is −EINVAL and takes no sequence.
  Result write(std::string_view text, const Meta& meta = {}) noexcept {
    return put(Kind::text, text.data(), text.size(), meta);
  }
  Result write(const char* text, const Meta& meta = {}) noexcept {
    return text != nullptr ? write(std::string_view(text), meta) : Result{-EINVAL};
  }
  Result write(std::nullptr_t, const Meta& = {}) = delete;
  Result write(std::span<const std::byte> bytes, const Meta& meta = {}) noexcept {
    return put(Kind::bytes, bytes.data(), bytes.size(), meta);
  }
  // Writes text that is JSON. The collector checks it and embeds it in its line of the log.
  Result write_json(std::string_view json, const Meta& meta = {}) noexcept {
    return put(Kind::json, json.data(), json.size(), meta);
  }
  Result write_json(const char* json, const Meta& meta = {}) noexcept {
    return json != nullptr ? write_json(std::string_view(json), meta) : Result{-EINVAL};
  }
  Result write_json(std::nullptr_t, const Meta& = {}) = delete;

  // Writes fields that the caller has encoded, up to max_record. meta.truncate has no effect. TOO_BIG is also returned if the
  // fields did not fit where they were encoded. An invalid record of fields is −EINVAL and a counted loss of cause `aborted`.
  Result write(const FieldEncoder& fields, const Meta& meta = {}) noexcept {
    if (fields.code() == -EINVAL) {
      Claim counted = claim(0, meta, Kind::fields);
      return counted ? (counted.abort(), Result{-EINVAL}) : counted.result();
    }
    Meta whole = meta;
    whole.truncate = false;
    return put(Kind::fields, fields.bytes().data(), fields.fits() ? fields.bytes().size() : SIZE_MAX, whole);
  }
  // Claims a slot for a record of fields: add(), then commit().
  Fields fields(const Meta& meta = {}) noexcept { return Fields(begin(Kind::fields, meta, shmring_slot_payload)); }
  // Claims a slot for a record of at most `bytes` bytes; TOO_BIG if one slot cannot hold them. meta.truncate has no effect.
  Claim claim(std::size_t bytes, const Meta& meta = {}, Kind kind = Kind::bytes) noexcept {
    return begin(kind, meta, [bytes](const shmring_producer*) { return bytes; });
  }

 private:
  friend Self;
  Writer() = default;

  static shmring_meta c_meta(Kind kind, const Meta& meta) noexcept {
    shmring_meta c{meta.type,
                   static_cast<std::uint8_t>(kind),
                   meta.severity,
                   static_cast<std::uint16_t>(meta.truncate ? SHMRING_META_TRUNCATE : 0),
                   {}};
    for (std::size_t i = 0; i < meta.correlation.size(); ++i) c.correlation[i] = meta.correlation[i];
    return c;
  }
  Result put(Kind kind, const void* payload, std::size_t bytes, const Meta& meta) noexcept {
    const shmring_meta c = c_meta(kind, meta);
    return {self().with_handle([&](shmring_producer* handle) { return shmring_write(handle, &c, payload, bytes); })};
  }
  template <class Size>
  Claim begin(Kind kind, const Meta& meta, const Size& size) noexcept {
    shmring_meta c = c_meta(kind, meta);
    c.flags = 0;
    Claim claim(c);
    claim.code_ = self().with_own_handle(
        [&](shmring_producer* handle, const std::uint32_t* life) { return claim.begin(handle, life, size(handle)); });
    return claim;
  }
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

// One handle. Thread role: one thread at a time; see shmring.h.
class Producer : public Writer<Producer> {
 public:
  Producer() noexcept = default;  // empty
  explicit Producer(const std::string& ring, const AttachOptions& options = {}) {
    if (const int code = attach(ring.c_str(), options, handle_); code != 0) throw Error(code);
  }
  Producer(Producer&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Producer& operator=(Producer&& other) noexcept {
    shmring_producer* const taken = std::exchange(other.handle_, nullptr);
    shmring_detach(std::exchange(handle_, taken));
    return *this;
  }
  ~Producer() { shmring_detach(handle_); }

  explicit operator bool() const noexcept { return handle_ != nullptr; }

  // Waits until this sequence and all before it are durable, as shmring_wait_durable says: the Result is true then. A negative
  // timeout only asks.
  Result wait_durable(std::uint64_t sequence, std::chrono::nanoseconds timeout) noexcept {
    return {shmring_wait_durable(handle_, sequence, timeout.count() > 0 ? static_cast<std::uint64_t>(timeout.count()) : 0)};
  }
  // The same for all that was attempted so far.
  Result wait_durable(std::chrono::nanoseconds timeout) noexcept { return wait_durable(sequence(), timeout); }

  // See shmring_name_type. Throws Error, for instance with −EEXIST if the type has another name.
  void name_type(std::uint32_t type, const std::string& name) {
    if (const int code = shmring_name_type(handle_, type, name.c_str()); code != 0) throw Error(code);
  }

  // Each of these is 0 if the handle is empty or the parent process's.
  std::uint64_t sequence() const noexcept { return shmring_sequence(handle_); }        // of the last attempt
  std::uint64_t incarnation() const noexcept { return shmring_incarnation(handle_); }  // of this attachment
  RingId ring_id() const noexcept {
    RingId id{};
    if (handle_ != nullptr) shmring_ring_id(handle_, id.data());
    return id;
  }
  shmring_producer* c() noexcept { return handle_; }

 private:
  friend class Writer<Producer>;
  friend class detail::HandlePool;
  static int attach(const char* ring, const AttachOptions& options, shmring_producer*& out) noexcept {
    const shmring_create_options created = options.create != nullptr ? options.create->c() : shmring_create_options{};
    const shmring_attach_options c{sizeof(shmring_attach_options),
                                   static_cast<std::uint32_t>(options.lane),
                                   options.name.empty() ? nullptr : options.name.c_str(),
                                   options.owner.empty() ? nullptr : options.owner.c_str(),
                                   options.create != nullptr ? &created : nullptr,
                                   options.wait_us,
                                   0};
    return shmring_attach(ring, &c, &out);
  }
  template <class Call>
  int with_handle(const Call& call) noexcept {
    return call(handle_);
  }
  template <class Call>
  int with_own_handle(const Call& call) noexcept {
    return call(handle_, nullptr);
  }

  shmring_producer* handle_ = nullptr;
};

}  // namespace shmring

#include "per_thread.hpp"

#endif
