// From a ring's name to its file, opened and checked: what attach and who removes a ring have in common. For lib/os alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/os/segment.hpp"

namespace shmring::os {

// What is being opened: `ring` for people, `path` for people and the kernel.
struct Place {
  std::string ring, path, file;  // file: its name inside dir
  Fd dir;
  std::optional<uid_t> named;  // the owner whom the caller trusts, too
};

// But for `named`.
int place_of(std::string_view name, Place& out);

int open_checked(const Place& at, int access, struct stat& status, Fd& out);

// Owner and mode.
int check_rights(const Place& at, const struct stat& status);

// The rest of attach, once `out.fd` is open; but it may be retired.
int map_checked(const Place& at, const struct stat& status, Segment& out);

// The status of an open segment.
int status_of(const Place& at, const Segment& judged, struct stat& out);

// The names in an open folder, in any order. 0, or −errno without a text.
int names_in(Fd folder, std::vector<std::string>& out);

// 0 if the name still means the open file, else −ENOENT, or what the call failed with.
int check_name(const Place& at, const struct stat& opened);

}  // namespace shmring::os
