// The user database, and whose rings are trusted: see users.hpp.
#include "lib/os/users.hpp"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "lib/os/error.hpp"

namespace shmring::os {
namespace {

constexpr uid_t no_user = static_cast<uid_t>(-1);  // chown's "leave it"

template <class Key, class Entry>
int look_up(int (*call)(Key, Entry*, char*, std::size_t, Entry**), Key key, Entry& out, std::string& buffer) {
  constexpr std::size_t most = 1 << 22;
  buffer.resize(16 << 10);
  Entry* found = nullptr;
  int error;
  while ((error = call(key, &out, buffer.data(), buffer.size(), &found)) == ERANGE && buffer.size() < most)
    buffer.resize(buffer.size() * 4);  // a group with many members
  if (found != nullptr) return 0;
  return error == 0 || error == ESRCH ? -ENOENT : -error;
}

// Users and groups have the same numbers, and the same one that is none.
bool is_number(const char* name, std::uint32_t& out) {
  std::uint32_t number = no_user;
  const char* const end = name + std::strlen(name);
  const auto [digits_end, wrong] = std::from_chars(name, end, number);
  const bool is_one = wrong == std::errc{} && digits_end == end && number != no_user;
  if (is_one) out = number;
  return is_one;
}

// Returns "" if no name is known.
std::string user_name(uid_t user) {
  std::string buffer;
  passwd found{};
  return look_up(calls.getpwuid_r, user, found, buffer) == 0 ? found.pw_name : "";
}

std::string described(const std::string& name, uid_t user) {
  const std::string number = "uid " + std::to_string(user);
  return name.empty() ? number : name + " (" + number + ")";
}

// In a sticky directory, too, everyone with write permission can make a ring. An access control list shows in the group's bits.
bool is_private(const struct stat& directory) { return (directory.st_mode & (S_IWGRP | S_IWOTH)) == 0; }

}  // namespace

int find_group(const char* name, gid_t& out) {
  if (is_number(name, out)) return 0;
  std::string buffer;
  group found{};
  const int error = look_up(calls.getgrnam_r, name, found, buffer);
  if (error == 0) out = found.gr_gid;
  return error;
}

int find_user(const char* name, uid_t& out) {
  if (is_number(name, out)) return 0;
  std::string buffer;
  passwd found{};
  const int error = look_up(calls.getpwnam_r, name, found, buffer);
  if (error == 0) out = found.pw_uid;
  return error;
}

std::string user_text(uid_t user) { return described(user_name(user), user); }

int named_owner(const std::string& ring, const char* owner, std::optional<uid_t>& out) {
  const char* const source = owner != nullptr ? "from the option owner" : "from SHMRING_OWNER";
  if (owner == nullptr) owner = ::secure_getenv("SHMRING_OWNER");
  out.reset();
  if (owner == nullptr) return 0;
  uid_t user = no_user;
  const int error = find_user(owner, user);
  if (error == -ENOENT) {
    return fail(EINVAL, "ring %.80s: there is no user \"%.64s\" (%s): name one that `getent passwd` lists, or give the number",
                ring.c_str(), owner, source);
  }
  if (error != 0) {
    return fail(-error, "ring %.80s: cannot look up the user \"%.64s\" (%s): %s", ring.c_str(), owner, source,
                std::strerror(-error));
  }
  out = user;
  return 0;
}

int check_owner(const std::string& ring, const std::string& path, uid_t owner, int directory, std::optional<uid_t> named) {
  const uid_t self = calls.geteuid();
  if (owner == self || owner == 0 || owner == named) return 0;
  struct stat status {};
  if (calls.fstat(directory, &status) != 0)
    return fail(errno, "ring %.80s: cannot read the status of its directory: %s", ring.c_str(), std::strerror(errno));
  if (owner == status.st_uid && is_private(status)) return 0;
  const std::string name = user_name(owner), word = name.empty() ? std::to_string(owner) : name;
  return fail(EPERM,
              "ring %.80s: %.120s belongs to %.48s, not to us (uid %u): a ring's owner can read what is written into it. To "
              "trust that user: --owner %.32s, SHMRING_OWNER=%.32s, or the attach option `owner`; or put the rings into a "
              "directory that only that user may write (SHMRING_DIR)",
              ring.c_str(), path.c_str(), described(name, owner).c_str(), self, word.c_str(), word.c_str());
}

}  // namespace shmring::os
