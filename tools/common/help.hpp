// The layout of help: paragraphs, and entries with a name on the left. No line is longer than 100 columns, unless one word is.
#pragma once

#include <string>
#include <string_view>

namespace shmring::tool {

// Returns the text as one paragraph, whose line breaks are replaced.
std::string paragraph_text(std::string_view text);

// Returns `name` on the left with its text in a column on the right.
std::string entry_text(const std::string& name, std::string_view text);

// Returns paragraphs. A blank line ends one, and so does a line that begins with a space, with "Exit status:" or with
// "Example". A line that begins with a space stays as it is. All other line breaks are spaces.
std::string footer_text(std::string_view text);

}  // namespace shmring::tool
