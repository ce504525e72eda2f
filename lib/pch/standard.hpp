// Compiled once for all sources of the log, the fleet and the collector's loop (see lib/meson.build): what most of them include
// of the C++ library, and what is slow to read. It has nothing of this tree. A source also includes by itself what it needs,
// since it must compile without this file: with -Db_pch=false it does.
#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>
