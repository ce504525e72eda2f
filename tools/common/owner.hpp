// The option --owner of all programs that write into a ring: a user whose rings they trust (see lib/os/users.hpp).
#pragma once

#include <algorithm>
#include <string>

#include "tools/common/command_line.hpp"

namespace shmring::tool {

// Returns "" or what is wrong. The message does not repeat the text, which may contain anything.
inline std::string check_user(const std::string& text) {
  const bool plain = std::none_of(text.begin(), text.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; });
  return plain && !text.empty() ? "" : "expected a user's name or number";
}

inline constexpr const char* owner_help =
    "Trust this user's rings, too (default: $SHMRING_OWNER). Always trusted are your own, root's, and those of the owner of "
    "their directory if nobody else may write there";

inline void add_owner_option(Command command, std::string& owner) {
  command.value("--owner", owner, owner_help).form("USER").check(check_user);
}

// Returns the option in the form that the library takes.
inline const char* or_null(const std::string& option) { return option.empty() ? nullptr : option.c_str(); }

}  // namespace shmring::tool
