// libshmring for C++20: RAII over the C ABI of shmring.h. Header only; link with libshmring.
//
//   shmring::Producer audit("payments", {.name = "api"});
//   audit.write("authorised 12.50 EUR", {.type = 1, .correlation = trace_id});
//
// Invariants:
//   - constructors and create() throw shmring::Error; write() never throws, and neither does anything else on the write path;
//   - a Producer is moved, not copied; a moved-from one refuses with −EINVAL; its destructor detaches.
// Thread role: as the C handle, one thread at a time.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
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

enum class Kind : std::uint8_t { text = SHMRING_TEXT, json = SHMRING_JSON, fields = SHMRING_FIELDS, bytes = SHMRING_BYTES };
enum class Lane : std::uint32_t {
  automatic = SHMRING_LANE_AUTO,
  shared = SHMRING_LANE_SHARED,
  exclusive = SHMRING_LANE_EXCLUSIVE
};
enum class OnFull : std::uint32_t {
  drop = SHMRING_DROP,
  overwrite = SHMRING_OVERWRITE,
  wait = SHMRING_WAIT,
  hybrid = SHMRING_HYBRID
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
  std::uint32_t flags = 0;

  shmring_create_options c() const {
    return {sizeof(shmring_create_options), slots, slot_bytes, lanes, static_cast<std::uint32_t>(on_full), wait_us,
            max_record, mode, group.empty() ? nullptr : group.c_str(), flags};
  }
};

struct AttachOptions {
  std::string name{};                     // of the producer, in the log; empty: the program's
  Lane lane = Lane::automatic;
  const CreateOptions* create = nullptr;  // not NULL: create the ring if it is absent
};

inline void create(const std::string& ring, const CreateOptions& options = {}) {
  const shmring_create_options c = options.c();
  if (const int code = shmring_create(ring.c_str(), &c); code != 0) throw Error(code);
}

inline void unlink(const std::string& ring) {
  if (const int code = shmring_unlink(ring.c_str()); code != 0) throw Error(code);
}

class Producer {
 public:
  explicit Producer(const std::string& ring, const AttachOptions& options = {}) {
    const shmring_create_options created = options.create != nullptr ? options.create->c() : shmring_create_options{};
    const shmring_attach_options c{sizeof(shmring_attach_options), options.name.empty() ? nullptr : options.name.c_str(),
                                   static_cast<std::uint32_t>(options.lane), 0,
                                   options.create != nullptr ? &created : nullptr};
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

  // Once a ring; the log then shows the name. Throws Error (EEXIST: the type has another name).
  void name_type(std::uint32_t type, const std::string& name) {
    if (const int code = shmring_name_type(handle_, type, name.c_str()); code < 0) throw Error(code);
  }

  std::uint64_t sequence() const noexcept { return shmring_sequence(handle_); }        // of the last attempt
  std::uint64_t incarnation() const noexcept { return shmring_incarnation(handle_); }  // of this attachment
  shmring_producer* c() noexcept { return handle_; }

 private:
  Result write(Kind kind, const void* payload, std::size_t bytes, const Meta& meta) noexcept {
    shmring_meta c{meta.type, static_cast<std::uint8_t>(kind), meta.severity,
                   static_cast<std::uint16_t>(meta.truncate ? SHMRING_META_TRUNCATE : 0), {}};
    for (std::size_t i = 0; i < meta.correlation.size(); ++i) c.correlation[i] = meta.correlation[i];
    return {shmring_write(handle_, &c, payload, bytes)};
  }

  shmring_producer* handle_ = nullptr;
};

}  // namespace shmring
