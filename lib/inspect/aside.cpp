// Moves rings out of the way: see aside.hpp.
#include "lib/inspect/aside.hpp"

#include <algorithm>
#include <cerrno>

#include "lib/log/files/names.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"

namespace shmring::inspect {
namespace {

constexpr u32 most_attempts = 99;

std::string reason(const HeaderFacts& header) {
  if (header.this_boot && !*header.this_boot) return "it is of another boot";
  return header.made_by.empty() ? "" : "it was made by libshmring " + header.made_by;
}

std::string processes(const std::vector<u32>& pids) {
  constexpr std::size_t most = 8;
  std::string text = pids.size() == 1 ? "process " : "processes ";
  for (std::size_t i = 0; i < std::min(pids.size(), most); ++i) text += (i == 0 ? "" : ", ") + std::to_string(pids[i]);
  return pids.size() > most ? text + " and others" : text;
}

int in_use(const std::string& ring, const HeaderFacts& header, const Leftover& leftover) {
  const std::string who = leftover.living.empty() ? leftover.why : processes(leftover.living) + " may still use it";
  return os::fail(EPROTO,
                  "ring %.80s: its version is %u, expected exactly %u: libshmring %s made it, and %.160s: stop all that use "
                  "it, let shmringd %s drain it, then start again",
                  ring.c_str(), header.version, ring::version, header.made_by.c_str(), who.c_str(), header.made_by.c_str());
}

int give_free_name(const std::string& ring, const os::Segment& segment, const char* owner, std::string& out) {
  const u64 now = os::utc_now_ns();
  int error = -EEXIST;
  for (u32 attempt = 1; error == -EEXIST && attempt <= most_attempts; ++attempt) {
    out = name_aside(ring, now, attempt);
    error = os::rename(ring, out, segment, owner);
  }
  return error;
}

}  // namespace

std::string name_aside(const std::string& ring, u64 now_utc_ns, u32 attempt) {
  std::string end = ".old-" + log::compact_time(now_utc_ns);
  if (attempt > 1) end += "-" + std::to_string(attempt);
  return ring.substr(0, ring::name_bytes - 1 - end.size()) + end;
}

int move_aside(const std::string& ring, const char* owner, int refused, Aside& out) {
  const std::string refusal = os::last_error();
  os::Segment segment;
  std::vector<std::string> findings;
  if (const int error = os::open_readonly(ring, segment, findings)) return error == -ENOENT ? 0 : error;
  const Inspection facts = read_segment(segment, findings, false);
  out.why = reason(facts.header);
  if (out.why.empty()) return findings.empty() ? 0 : os::fail(-refused, "%s", refusal.c_str());  // if empty, it is a new ring
  out.leftover = judge(facts);
  if (!out.leftover.every_owner_dead) return in_use(ring, facts.header, out.leftover);
  std::string name;
  if (const int error = give_free_name(ring, segment, owner, name)) return error == -ENOENT ? 0 : error;
  // A process that had opened the ring before may have attached since it was judged. From now on nobody finds it under its old
  // name, and nobody attaches to a ring of another boot.
  if (facts.header.this_boot.value_or(true)) out.leftover = judge(read_segment(segment, findings, false));
  if (!out.leftover.every_owner_dead) {
    if (const int error = os::rename(name, ring, segment, owner)) return error;
    return in_use(ring, facts.header, out.leftover);
  }
  out.name = name;
  return 0;
}

}  // namespace shmring::inspect
