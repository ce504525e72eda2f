// Rings under a lock that processes share: a robust mutex, which survives the death of its owner, or a reader-writer lock.
//
// Invariants:
//   - head and tail change only under the lock, each by one store as the last step. So the ring is consistent wherever the
//     lock's owner dies;
//   - the reader looks for records without the lock. It copies many records out under one lock.
#pragma once

#include <pthread.h>

#include <algorithm>
#include <vector>

#include "lib/ring/memory.hpp"
#include "tools/bench/shared_file.hpp"

namespace shmring::bench {

inline void must_be_zero(int error, const char* what) {
  if (error != 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(error));
}

// How often a waiter tries the lock before it sleeps in the kernel. A critical section here is shorter than a sleep.
inline constexpr int lock_spins = 100;

template <class Try, class Block>
int spin_then_block(const Try& try_lock, const Block& block) {
  for (int spin = 0; spin < lock_spins; ++spin) {
    const int error = try_lock();
    if (error != EBUSY) return error;
    ring::HardwareMemory::pause();
  }
  return block();
}

class RobustMutex {
 public:
  static constexpr const char* name = "robust-mutex";
  static constexpr bool survives_death = true;

  RobustMutex() {
    pthread_mutexattr_t attributes;
    must_be_zero(pthread_mutexattr_init(&attributes), "mutex attributes");
    must_be_zero(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), "process-shared mutex");
    must_be_zero(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST), "robust mutex");
    must_be_zero(pthread_mutex_init(&mutex_, &attributes), "mutex");
  }
  void lock() {
    int error =
        spin_then_block([this] { return pthread_mutex_trylock(&mutex_); }, [this] { return pthread_mutex_lock(&mutex_); });
    if (error == EOWNERDEAD) error = pthread_mutex_consistent(&mutex_);
    must_be_zero(error, "mutex lock");
  }
  void lock_shared() { lock(); }
  void unlock() { pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_;
};

// Prefers writers, because under the default kind a polling reader starves them.
class ReaderWriterLock {
 public:
  static constexpr const char* name = "rwlock";
  static constexpr bool survives_death = false;

  ReaderWriterLock() {
    pthread_rwlockattr_t attributes;
    must_be_zero(pthread_rwlockattr_init(&attributes), "lock attributes");
    must_be_zero(pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), "process-shared lock");
    must_be_zero(pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP), "lock kind");
    must_be_zero(pthread_rwlock_init(&lock_, &attributes), "lock");
  }
  void lock() {
    must_be_zero(
        spin_then_block([this] { return pthread_rwlock_trywrlock(&lock_); }, [this] { return pthread_rwlock_wrlock(&lock_); }),
        "write lock");
  }
  void lock_shared() {
    must_be_zero(
        spin_then_block([this] { return pthread_rwlock_tryrdlock(&lock_); }, [this] { return pthread_rwlock_rdlock(&lock_); }),
        "read lock");
  }
  void unlock() { pthread_rwlock_unlock(&lock_); }

 private:
  pthread_rwlock_t lock_;
};

template <class Lock>
class LockedRing {
  struct Control {
    Shape shape;
    alignas(line) Lock lock;
    alignas(line) std::atomic<u64> tail{0};
    std::atomic<u64> head{0};
  };
  using Ring = SlotRing<Control>;
  static constexpr std::memory_order relaxed = std::memory_order_relaxed;

 public:
  static constexpr const char* name = Lock::name;
  static constexpr Role role = Role::alternative;
  static constexpr bool overwrites = true;
  static constexpr bool survives_death = Lock::survives_death;
  static constexpr u32 max_producers = 64;

  static void create(const std::string& file, const Shape& shape) { Ring::create(file, shape); }
  static void remove(const std::string& file) noexcept { SharedFile::remove(file); }

  class Writer {
   public:
    explicit Writer(const std::string& file) : ring_(file) {}

    bool write(const void* record, std::size_t bytes) {
      Control& control = ring_.control();
      control.lock.lock();
      const u64 tail = control.tail.load(relaxed);
      const u64 head = control.head.load(relaxed);
      if (tail - head == ring_.slots()) {
        if (control.shape.when_full != WhenFull::overwrite) {
          control.lock.unlock();
          return false;
        }
        control.head.store(head + 1, relaxed);
      }
      Slot& slot = ring_.at(tail);
      slot.length = bytes;
      std::memcpy(slot.payload(), record, bytes);
      control.tail.store(tail + 1, relaxed);
      control.lock.unlock();
      return true;
    }

   private:
    Ring ring_;
  };

  class Reader {
   public:
    explicit Reader(const std::string& file) : ring_(file), copies_(read_batch * ring_.stride()) {}

    template <class Sink>
    std::size_t read(Sink&& sink) {
      const std::size_t count = take();
      for (std::size_t i = 0; i < count; ++i) {
        Slot& slot = copy(i);
        sink(static_cast<const std::byte*>(slot.payload()), static_cast<std::size_t>(slot.length));
      }
      return count;
    }

   private:
    // A shared lock is enough to move the head: there is one reader, and the lock keeps the writers out.
    std::size_t take() {
      Control& control = ring_.control();
      if (control.tail.load(relaxed) == head_) return 0;
      control.lock.lock_shared();
      const u64 head = control.head.load(relaxed);
      const u64 count = std::min<u64>(control.tail.load(relaxed) - head, read_batch);
      for (u64 i = 0; i < count; ++i) {
        Slot& slot = ring_.at(head + i);
        copy(i).length = slot.length;
        std::memcpy(copy(i).payload(), slot.payload(), slot.length);
      }
      head_ = head + count;
      control.head.store(head_, relaxed);
      control.lock.unlock();
      return count;
    }
    Slot& copy(std::size_t i) { return *reinterpret_cast<Slot*>(copies_.data() + i * ring_.stride()); }

    Ring ring_;
    std::vector<std::byte> copies_;
    u64 head_ = 0;  // the head as this reader stored it
  };
};

using RobustMutexRing = LockedRing<RobustMutex>;
using ReaderWriterLockRing = LockedRing<ReaderWriterLock>;

}  // namespace shmring::bench
