// What a caller asks for: names, and the options of create.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "lib/os/error.hpp"
#include "lib/os/process.hpp"
#include "lib/os/segment.hpp"
#include "lib/os/users.hpp"
#include "lib/ring/twins.hpp"

namespace shmring::os {
namespace {

constexpr u32 default_slots = 16384, default_slot_bytes = 256, default_lanes = 8;
constexpr u32 default_max_record = 65536;
constexpr u32 default_wait_us = 100'000, default_hybrid_us = 1'000;

int resolve_group(const std::string& ring, const char* name, gid_t& out) {
  const int error = find_group(name, out);
  if (error == 0) return 0;
  if (error == -ENOENT) {
    return fail(EINVAL, "ring %.80s: there is no group \"%.64s\": name one that `getent group` lists", ring.c_str(), name);
  }
  return fail(-error, "ring %.80s: cannot look up group \"%.64s\": %s", ring.c_str(), name, std::strerror(-error));
}

int resolve_policy(const std::string& ring, const shmring_create_options& asked, ring::Geometry& geometry) {
  if (asked.on_full > SHMRING_POLICY_HYBRID) {
    return fail(EINVAL, "ring %.80s: on_full is %u, expected SHMRING_POLICY_DROP (0) to SHMRING_POLICY_HYBRID (3)",
                ring.c_str(), asked.on_full);
  }
  if (asked.flags & ~ring::create_flags) {
    return fail(EINVAL, "ring %.80s: flags are %#x, of which this version knows %#x", ring.c_str(), asked.flags,
                ring::create_flags);
  }
  geometry.on_full = asked.on_full;
  geometry.wait_us = asked.wait_us                            ? asked.wait_us
                     : asked.on_full == SHMRING_POLICY_HYBRID ? default_hybrid_us
                                                              : default_wait_us;
  geometry.flags = ~asked.flags & ring::create_flags;
  return 0;
}

int resolve_geometry(const std::string& ring, const shmring_create_options& asked, ring::Geometry& geometry) {
  geometry.slots = asked.slots ? asked.slots : default_slots;
  geometry.slot_bytes = asked.slot_bytes ? asked.slot_bytes : default_slot_bytes;
  geometry.lanes = asked.lanes ? asked.lanes : default_lanes;
  geometry.producers = asked.producers ? asked.producers : ring::default_producers;
  geometry.clock = static_cast<u32>(choose_clock());
  geometry.max_record = asked.max_record ? asked.max_record : 1;  // the default needs slots that are in range
  ring::Finding finding = ring::check(geometry, EINVAL);
  if (!finding && asked.max_record == 0) {
    geometry.max_record = static_cast<u32>(std::min<u64>(default_max_record, ring::max_record_limit(geometry)));
  }
  if (finding) {
    return fail(finding.error, "ring %.80s: %s is %llu, expected %s %llu", ring.c_str(), finding.field,
                static_cast<unsigned long long>(finding.found), finding.rule,
                static_cast<unsigned long long>(finding.expected));
  }
  geometry.size = ring::plan(geometry).size;
  return 0;
}

}  // namespace

bool valid_name(std::string_view name) {
  if (name.empty() || name.size() >= ring::name_bytes || name == "." || name == "..") return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

int copy_options(const void* from, void* to, std::size_t known_bytes, const char* what) {
  u32 bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  // All these structs grow by whole multiples of eight. Any other size is a struct_size that was never set.
  constexpr u32 smallest = 8, largest = 4096;
  if (bytes < smallest || bytes > largest || bytes % 8 != 0) {
    return fail(EINVAL, "%s: struct_size is %u, expected %zu: set it to sizeof of the struct", what, bytes, known_bytes);
  }
  const char* const begin = static_cast<const char*>(from);
  const char* const end = begin + bytes;
  const char* const known_end = begin + std::min<std::size_t>(bytes, known_bytes);
  if (const char* set = std::find_if(known_end, end, [](char c) { return c != 0; }); set != end) {
    return fail(EINVAL, "%s: byte %td is set, but this version of libshmring knows only the first %zu: upgrade the library",
                what, set - begin, known_bytes);
  }
  std::memcpy(to, from, static_cast<std::size_t>(known_end - begin));
  return 0;
}

int resolve(const std::string& ring, const shmring_create_options* options, CreateOptions& out) {
  if (!valid_name(ring)) {
    return fail(EINVAL, "\"%.80s\" cannot name a ring: expected 1 to 63 of A-Z a-z 0-9 . _ - (and neither . nor ..)",
                ring.c_str());
  }
  shmring_create_options asked{};
  if (options) {
    if (const int error = copy_options(options, &asked, sizeof asked, "shmring_create_options")) return error;
  }
  out = CreateOptions{};
  if (const int error = resolve_policy(ring, asked, out.geometry)) return error;
  if (const int error = resolve_geometry(ring, asked, out.geometry)) return error;
  out.has_group = asked.group != nullptr;
  if (out.has_group) {
    if (const int error = resolve_group(ring, asked.group, out.group)) return error;
  }
  out.mode = asked.mode ? asked.mode : out.has_group ? 0660 : 0600;
  if (out.mode & ~0660u) {
    return fail(EINVAL, "ring %.80s: mode is %#o, expected no bits beyond 0660: a ring that everybody can write proves nothing",
                ring.c_str(), static_cast<unsigned>(out.mode));
  }
  return 0;
}

std::string file_name(const std::string& ring) { return "shmring." + ring; }

int open_directory(const std::string& ring, std::string& path, Fd& out) {
  const char* chosen = ::secure_getenv("SHMRING_DIR");
  path = chosen ? chosen : "/dev/shm";
  if (path.empty() || path[0] != '/') {
    return fail(EINVAL, "ring %.80s: SHMRING_DIR is \"%.200s\", expected an absolute path", ring.c_str(), path.c_str());
  }
  // The directory is opened O_RDONLY because list() reads it; O_PATH would not do.
  const int error = open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY, 0, out);
  if (error == 0) return 0;
  return fail(-error, "ring %.80s: cannot open the directory %.200s: %s%s", ring.c_str(), path.c_str(), std::strerror(-error),
              chosen ? " (from SHMRING_DIR)" : ": mount a tmpfs there, or set SHMRING_DIR");
}

}  // namespace shmring::os
