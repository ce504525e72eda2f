// From a ring's name to its file, opened and checked: what attaching to a ring and removing it have in common. For lib/os only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/os/segment.hpp"

namespace shmring::os {

// What is being opened: `ring` for messages, `path` for messages and for the kernel.
struct Place {
  std::string ring, path, file;  // file: its name inside dir
  Fd dir;
  std::optional<uid_t> named;  // the owner whom the caller trusts as well
};

// Fills in everything except `named`.
int place_of(std::string_view name, Place& out);

int open_checked(const Place& at, int access, struct stat& status, Fd& out);

// Checks owner and mode.
int check_rights(const Place& at, const struct stat& status);

// Makes the rest of attach, once `out.fd` is open. The ring may be retired.
int map_checked(const Place& at, const struct stat& status, Segment& out);

// Returns the status of an open segment.
int status_of(const Place& at, const Segment& judged, struct stat& out);

// Lists the names in an open folder, in any order. Returns 0, or −errno without a text.
int names_in(Fd folder, std::vector<std::string>& out);

// Returns 0 if the name still refers to the open file. Otherwise it returns −ENOENT, or the error of the call that failed.
int check_name(const Place& at, const struct stat& opened);

}  // namespace shmring::os
