// Compiled once for all sources of the command (see tools/meson.build). It has what most of them include and what is slow to
// read, and nothing of this tree. A source also includes by itself what it needs, since it must compile without this file.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
