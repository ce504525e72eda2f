// The measurements of a collector: how soon it has a record, what each stage costs, and how many records it logs.
//
// Invariants:
//   - the measured collector is made of shmringd's own parts: the collector, its host, its log, and how it sleeps. `logged` and
//     `idle` run shmringd's own loop;
//   - after `logged`, verify must find in the log exactly the records that were delivered;
//   - ring and log are private to one measurement, and are removed after it. The log is in the folder for temporary files.
#pragma once

#include <string>
#include <string_view>

#include "lib/include/shmring/shmring.h"
#include "lib/log/files/durability.hpp"
#include "tools/bench/job.hpp"

namespace shmring::bench {

Round run_handoff(const Job& job, bool busy);
Round run_floor_handoff(const Job& job);  // floor_hands.cpp
Round run_logged(const Job& job, log::Level level, bool is_sealed = false);
Round run_durable(const Job& job);                  // syncing.cpp, as the next five
Round run_beside_syncs(const Job& job, bool slow);  // slow: each sync of the collector's takes 100 ms longer
Round run_one_sync(const Job& job);
Round run_beside(const Job& job, bool is_sealed);
Round run_file_syncs(const Job& job);
Round run_encode(const Job& job);
Round run_hashes(const Job& job);
Round run_file_writes(const Job& job);
Round run_encoded_writes(const Job& job);  // the floor of `logged`: one thread encodes lines and writes them
Round run_stages(const Job& job);
Round run_idle(const Job& job);
Round run_resting(const Job& job);
Round run_crowd(const Job& job);
Round run_restart(const Job& job, u64 gigabytes);  // restarting.cpp
// sealed.cpp, as the next two. What is done with a sealed log, or is compared with that.
enum class Checking { verify, sha256, verify_key, verify_key_two, hashes_and_verify };
Round run_checking(const Job& job, Checking what);
Round run_big_seal(const Job& job);

// A record as an application would write it.
inline constexpr std::string_view usual_text = "order 0000000000000017 authorised, EUR 12.50, by card 4111 .. 42";
static_assert(usual_text.size() == 64);

// A ring for one writer in an exclusive lane, and the place of its log. The destructor removes both.
struct ScratchRing {
  ScratchRing(u32 slots, u32 on_full, u32 producers = 0);  // 0: the default
  ScratchRing(const ScratchRing&) = delete;
  ~ScratchRing();
  std::string name, log, keys;  // keys: the state directory of a collector that seals the log
};

class TextWriter {
 public:
  explicit TextWriter(const ScratchRing& place);
  TextWriter(const TextWriter&) = delete;
  ~TextWriter() { shmring_detach(producer_); }
  bool write() {
    static constexpr shmring_meta meta{1, SHMRING_KIND_TEXT, 6, 0, {}};
    return shmring_write(producer_, &meta, usual_text.data(), usual_text.size()) == 0;
  }
  // Waits until all that was written so far is durable. Returns what shmring_wait_durable() does.
  int wait_durable(u64 timeout_ns) { return shmring_wait_durable(producer_, shmring_sequence(producer_), timeout_ns); }

 private:
  shmring_producer* producer_ = nullptr;
};

}  // namespace shmring::bench
