// doctest itself: compiled once, and without the precompiled headers, which have already said that they want no more than its
// declarations.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
