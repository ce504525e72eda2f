// One object through which all threads write. It attaches a handle for each thread, and manages these handles by itself. This
// is part of shmring.hpp.
//
//   shmring::PerThread audit("payments", {.name = "api"}, {{1, "payment.authorised"}});      global, static or a member
//   audit.write("order 17 authorised", {.type = 1});                                         in any thread
//
// Invariants:
//   - a handle has one thread at a time. It is attached in its thread's first call. When the thread ends, an open claim is
//     aborted, and the handle waits in a pool for the next thread. So there are never more handles than there were threads at
//     one time;
//   - a call that finds the ring unlinked, or itself in a forked child, attaches again and goes on. So FORKED is never
//     returned, and RETIRED only if the new ring is unlinked, too. Such a call, and a thread's first call, allocate and make
//     system calls. Any other call does what shmring_write does: no allocation, no lock, and a system call only to wait.
//     wait_durable() is the exception: it never attaches, and returns both;
//   - if there is no handle to be had (no such ring, no place in its table …), calls return that −errno. At most once a second
//     one call, in any thread, tries to attach again;
//   - nothing here is a lock, so after fork() at any moment the child has a pool that works;
//   - a destructor may write when its thread is ending and has given its handle back. Each such write borrows a handle from the
//     pool for that one call. A call that needs to keep a handle (claim, fields, producer) fails with −ECANCELED;
//   - the destructor detaches the handles of the pool and of its own thread. The handle of any other thread is detached when
//     that thread ends or first uses another PerThread, which may be much later. No call may come after the destruction.
// Thread role: any thread. A signal handler may write if its thread has a handle already (producer() gives it one). If it
// interrupts a call, its own call is refused as NESTED.
// SPDX-License-Identifier: MIT
#pragma once

#include "shmring.hpp"

#if __cplusplus > 201703L

#include <atomic>
#include <memory>
#include <new>
#include <optional>
#include <vector>

namespace shmring {

// Names of record types, which are given to each ring at attach; see shmring_name_type.
using TypeNames = std::vector<std::pair<std::uint32_t, std::string>>;

namespace detail {

// The handles that no thread has at the moment, and the options for new ones. The atomics are sequentially consistent, so that
// a handle that is given back while the pool is closed is seen by the closing thread or by the thread that gives it back.
class HandlePool {
 public:
  HandlePool(std::string ring, const AttachOptions& options, TypeNames types)
      : ring_(std::move(ring)), options_(options), types_(std::move(types)) {
    if (options.create == nullptr) return;
    created_ = *options.create;
    options_.create = &*created_;
  }
  ~HandlePool() { empty(); }
  HandlePool(const HandlePool&) = delete;

  // Returns an empty Producer if the pool has none. The handle may belong to a retired ring or to the parent process.
  Producer take() noexcept {
    Producer taken;
    for (auto& place : idle_)
      if (place.load() != nullptr && (taken.handle_ = place.exchange(nullptr)) != nullptr) break;
    return taken;
  }
  // Puts the handle into the pool. If the pool is full or closed, the handle is detached.
  void give(Producer handle) noexcept {
    shmring_abort(handle.handle_);
    for (auto& place : idle_) {
      shmring_producer* none = nullptr;
      if (closed_ || !place.compare_exchange_strong(none, handle.handle_)) continue;
      handle.handle_ = nullptr;
      if (closed_) empty();
      return;
    }
  }
  // Called when no thread will need a handle any more.
  void close() noexcept {
    closed_ = true;
    empty();
  }
  bool closed() const noexcept { return closed_; }

  int attach(Producer& out) noexcept {
    std::int64_t due = due_ns_;
    const std::int64_t now = now_ns();
    if (due != 0 && (now < due || !due_ns_.compare_exchange_strong(due, now + pause_ns))) return error_;
    if (const int code = Producer::attach(ring_.c_str(), options_, out.handle_); code != 0) {
      say(shmring_last_error());
      error_ = code;
      due_ns_ = now_ns() + pause_ns;
      return code;
    }
    say("");
    due_ns_ = 0;
    for (const auto& [type, name] : types_)
      if (shmring_name_type(out.handle_, type, name.c_str()) != 0) say(shmring_last_error());
    return 0;
  }
  std::string last_error() const {
    std::string text;
    for (const auto& letter : text_) {
      if (letter == '\0') break;
      text += letter;
    }
    return text;
  }

 private:
  static constexpr std::int64_t pause_ns = 1'000'000'000;
  static std::int64_t now_ns() noexcept {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  }
  void empty() noexcept {
    for (auto& place : idle_) shmring_detach(place.exchange(nullptr));
  }
  void say(const char* text) noexcept {
    for (std::size_t i = 0; i + 1 < text_.size(); ++i)
      if ((text_[i] = text[i]) == '\0') break;
  }

  const std::string ring_;
  std::optional<CreateOptions> created_;
  AttachOptions options_;
  const TypeNames types_;
  std::array<std::atomic<shmring_producer*>, 256> idle_{};
  std::atomic<bool> closed_ = false;
  std::atomic<std::int64_t> due_ns_ = 0;       // not 0: the last attach failed, and the next one may be tried at this time
  std::atomic<int> error_ = 0;                 // of the attach that failed
  std::array<std::atomic<char>, 512> text_{};  // the text of that error
};

// What a thread has of one PerThread: its handle.
struct Seat {
  std::shared_ptr<HandlePool> pool;
  Seat* next;
  Producer producer{};
  std::uint32_t life = 0;      // changes when the handle is given back
  volatile bool busy = false;  // the handle is being replaced, and a signal handler must not use it
};
inline constinit thread_local Seat* seats = nullptr;
inline constinit thread_local bool leaving = false;  // the thread is ending and has given its handles back

// Gives the calling thread's handles back to those pools for which `of` is true.
template <class Of>
void leave(const Of& of) noexcept {
  for (Seat** at = &seats; *at != nullptr;) {
    Seat* const seat = *at;
    if (!of(*seat->pool)) {
      at = &seat->next;
      continue;
    }
    *at = seat->next;
    if (seat->producer) seat->pool->give(std::move(seat->producer));
    delete seat;
  }
}

// Returns NULL if out of memory.
inline Seat* take_seat(const std::shared_ptr<HandlePool>& pool) noexcept {
  struct Leaver {
    ~Leaver() {
      leaving = true;
      leave([](const HandlePool&) { return true; });
    }
  };
  static thread_local Leaver at_the_end;
  static_cast<void>(at_the_end);
  leave([](const HandlePool& other) { return other.closed(); });
  Seat* const seat = new (std::nothrow) Seat{pool, seats};
  if (seat != nullptr) seats = seat;
  return seat;
}

}  // namespace detail

class PerThread : public Writer<PerThread> {
 public:
  // Attaches nothing yet. `options.create` need not outlive this call.
  explicit PerThread(std::string ring, const AttachOptions& options = {}, TypeNames types = {})
      : pool_(std::make_shared<detail::HandlePool>(std::move(ring), options, std::move(types))) {}
  ~PerThread() {
    pool_->close();
    detail::leave([this](const detail::HandlePool& pool) { return &pool == pool_.get(); });
  }
  PerThread(const PerThread&) = delete;

  // Returns the calling thread's own handle. Only this thread may use it, and only until the thread's next call of this object.
  // Throws Error if the thread has no handle and cannot get one.
  Producer& producer() {
    const int code = with_own_handle(
        [](shmring_producer* handle, const std::uint32_t*) { return shmring_incarnation(handle) != 0 ? 0 : SHMRING_FORKED; });
    if (code == 0) return seat()->producer;
    const std::string text = last_error();
    throw Error(code, text.empty() ? shmring_strerror(code) : text);
  }

  // Waits until all that the calling thread has written with its present handle is durable: see shmring_wait_durable. The
  // records of a handle that was replaced since, because the ring was unlinked or the process forked, are not waited for. So
  // wait behind each record that matters. This never attaches: without a handle it returns −EINVAL, in a child that has not
  // written yet FORKED, and RETIRED if the ring was unlinked and nobody collects it. A negative timeout only asks.
  Result wait_durable(std::chrono::nanoseconds timeout) noexcept {
    detail::Seat* const seat = this->seat();
    return seat != nullptr ? seat->producer.wait_durable(timeout) : Result{-EINVAL};
  }

  // Returns the text of the last error of an attach, or of naming a type, in any thread: ring, what was found, what was
  // expected, what to do. Returns "" if nothing failed.
  std::string last_error() const { return pool_->last_error(); }

 private:
  friend class Writer<PerThread>;

  detail::Seat* seat() const noexcept {
    detail::Seat* seat = detail::seats;
    while (seat != nullptr && seat->pool.get() != pool_.get()) seat = seat->next;
    return seat;
  }

  template <class Call>
  int with_handle(const Call& call) noexcept {
    return on_seat([&call](shmring_producer* handle, const std::uint32_t*) { return call(handle); }, true);
  }
  template <class Call>
  int with_own_handle(const Call& call) noexcept {
    return on_seat(call, false);
  }
  template <class Call>
  int on_seat(const Call& call, bool may_borrow) noexcept {
    detail::Seat* const seat = this->seat();
    if (seat != nullptr && seat->producer) [[likely]] {
      const int result = call(seat->producer.c(), &seat->life);
      if (!is_over(result)) [[likely]]
        return result;
    }
    return detail::leaving ? may_borrow ? borrow(call) : -ECANCELED : renew(seat, call);
  }

  // Called if the thread has no handle, or one that cannot be used any more.
  template <class Call>
  [[gnu::noinline]] int renew(detail::Seat* seat, const Call& call) noexcept {
    if (seat == nullptr) seat = detail::take_seat(pool_);
    if (seat == nullptr) return -ENOMEM;
    if (seat->busy) return SHMRING_NESTED;
    seat->busy = true;
    ++seat->life;
    const int result = try_handles(seat->producer, [&] { return call(seat->producer.c(), &seat->life); });
    seat->busy = false;
    return result;
  }
  // Called if a destructor writes when its thread is ending and has given its handle back.
  template <class Call>
  [[gnu::noinline]] int borrow(const Call& call) noexcept {
    Producer borrowed;
    const int result = try_handles(borrowed, [&] { return call(borrowed.c(), nullptr); });
    if (borrowed) pool_->give(std::move(borrowed));
    return result;
  }
  // Tries handles until one is usable: those of the pool, then a new one.
  template <class Call>
  int try_handles(Producer& handle, const Call& call) noexcept {
    for (bool is_new = false;;) {
      handle = Producer();
      handle = pool_->take();
      is_new = !handle;
      if (is_new)
        if (const int code = pool_->attach(handle); code != 0) return code;
      if (const int result = call(); !is_over(result) || is_new) return result;
    }
  }
  static bool is_over(int result) noexcept { return result == SHMRING_RETIRED || result == SHMRING_FORKED; }

  std::shared_ptr<detail::HandlePool> pool_;
};

}  // namespace shmring

#endif
