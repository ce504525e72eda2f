// The members of std::string, and of vectors of strings, compiled once for all sources that include tests/pch/tests.hpp. Those
// of the C++ library are not enough: it has none that came with C++20 (starts_with).
#include <string>
#include <vector>

template class std::basic_string<char>;
template class std::vector<std::string>;
