// What a collector does with the records: how soon it has one, what each stage costs, and how many come into the log.
//
// Invariants:
//   - the measured collector is made of shmringd's own parts: the collector, its host, its log, and how it sleeps. logged and
//     idle measure shmringd's own loop;
//   - verify counts in the log what the log should have;
//   - ring and log are private to one measurement, and are removed after it. The log lies in the folder for temporary files.
#pragma once

#include <string>
#include <string_view>

#include "lib/include/shmring/shmring.h"
#include "tools/bench/job.hpp"

namespace shmring::bench {

Round run_handoff(const Job& job, bool busy);
Round run_logged(const Job& job);
Round run_encode(const Job& job);
Round run_stages(const Job& job);
Round run_idle(const Job& job);

// 64 bytes as an application writes them.
inline constexpr std::string_view usual_text = "order 0000000000000017 authorised, EUR 12.50, by card 4111 .. 42";
static_assert(usual_text.size() == 64);

// A ring for one writer in a lane of its own, and where its log will be.
struct ScratchRing {
  ScratchRing(u32 slots, u32 on_full);
  ScratchRing(const ScratchRing&) = delete;
  ~ScratchRing();
  std::string name, log;
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

 private:
  shmring_producer* producer_ = nullptr;
};

}  // namespace shmring::bench
