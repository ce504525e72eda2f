// What a mode of the test explores. Each line is one exploration in the explorer's own options, exhaustive within its bounds
// if it has no seed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace explore {

std::vector<std::string> plans_of(std::string_view mode);  // quick, check, long

}  // namespace explore
