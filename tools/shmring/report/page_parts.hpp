// The parts that the pages of a report share.
#pragma once

#include <string>
#include <string_view>

#include "tools/shmring/report/report.hpp"

namespace shmring::tool {

// A whole page: one file, without script, and nothing is fetched from anywhere.
std::string whole_page(std::string_view title, const Markup& body);

// A table of these rows, under these heads. `name` is its heading.
Markup table(std::string_view name, const Markup& heads, const Markup& rows);

// The timeline, with the incidents below it.
Markup picture(const Tally& tally);

}  // namespace shmring::tool
