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

// Else each source compiles the members of these that it uses: in C++20 the C++ library no longer stands in for std::string's.
// They are in support/strings.cpp.
extern template class std::basic_string<char>;
extern template class std::vector<std::string>;
