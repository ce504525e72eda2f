// Users and groups by name, and whose rings are trusted.
//
// Invariants:
//   - an entry of the user database is looked up whatever its size, and what the database does not have is −ENOENT;
//   - whoever owns a ring can read and change what is written into it, so a ring is written into only if its owner is the
//     caller himself, root, whom the caller names, or the owner of a directory in which nobody else can put a ring. To share a
//     group with somebody is not to trust him.
#pragma once

#include <optional>
#include <string>

#include "lib/os/calls.hpp"

namespace shmring::os {

// 0, −ENOENT, or what the lookup failed with. A user may also be a number in decimal, which needs no lookup.
int find_group(const char* name, gid_t& out);
int find_user(const char* name, uid_t& out);

// "alice (uid 1000)", or "uid 1000" where no name is known.
std::string user_text(uid_t user);

// The user whom the caller trusts beside the others: `owner`, or if that is NULL $SHMRING_OWNER, if that is set. −EINVAL: there
// is no such user; or what the lookup failed with. The text names the ring.
int named_owner(const std::string& ring, const char* owner, std::optional<uid_t>& out);

// 0: what belongs to `owner`, in that directory, may be written into. −EPERM: the text says whose it is and how to trust him.
int check_owner(const std::string& ring, const std::string& path, uid_t owner, int directory, std::optional<uid_t> named);

}  // namespace shmring::os
