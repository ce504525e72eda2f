// The hooks of hooked_memory.hpp, compiled once for all tests.
#include "tests/support/hooked_memory.hpp"

template struct plain::HookedMemory<0>;
template struct plain::HookedMemory<1>;
