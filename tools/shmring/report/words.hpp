// What the text, the page and the JSON of a report say in the same words.
#pragma once

#include <string>
#include <string_view>

#include "tools/common/text.hpp"
#include "tools/shmring/report/report.hpp"

namespace shmring::tool {

// The verdict in a few words.
std::string verdict_word(const Report& report);

// What happened: `what` first, then the other pairs but `code`, as they stand in the log.
std::string in_words(const Occurrence& occurrence);
std::string code_of(const Occurrence& occurrence);  // "": it has none

// "; and 3 earlier ones", or "" if all are there.
std::string more_in_words(const Occurrences& all);

// A word of a command line, in quotes if a shell would not take it as it is.
std::string shell_word(std::string_view text);

}  // namespace shmring::tool
