// Users and groups by name, and whose rings are trusted.
//
// Invariants:
//   - an entry of the user database is looked up whatever its size. What the database does not have is −ENOENT;
//   - the owner of a ring can read and change what is written into it. So a ring is written into only if its owner is the
//     caller himself, root, a user whom the caller names, or the owner of a directory in which nobody else can put a ring. To
//     share a group with somebody is not to trust him.
#pragma once

#include <optional>
#include <string>

#include "lib/os/calls.hpp"

namespace shmring::os {

// Returns 0, −ENOENT, or the error of the lookup. Both may also be a number in decimal, which needs no lookup.
int find_group(const char* name, gid_t& out);
int find_user(const char* name, uid_t& out);

// Returns "alice (uid 1000)", or "uid 1000" if no name is known.
std::string user_text(uid_t user);

// Finds the user whom the caller trusts besides the others: `owner`, or if that is NULL $SHMRING_OWNER, if set. Returns −EINVAL
// if there is no such user, or the error of the lookup. The text names the ring.
int named_owner(const std::string& ring, const char* owner, std::optional<uid_t>& out);

// Returns 0 if what belongs to `owner`, in that directory, may be written into. Otherwise it returns −EPERM, and the text says
// whose it is and how to trust him.
int check_owner(const std::string& ring, const std::string& path, uid_t owner, int directory, std::optional<uid_t> named);

}  // namespace shmring::os
