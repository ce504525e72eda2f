// Compiled once for all sources of the test programs (see tests/meson.build): what most of them include, and what is slow to
// read. A source includes what it needs by itself, too: it must compile without this.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/interprocess/mapped_region.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>
