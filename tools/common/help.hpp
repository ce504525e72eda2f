// The help that both programs print, and the checks of their options' values.
//
// Invariants:
//   - help is written for people: no line is longer than 100 columns, an option shows the form of its value, and nothing shows
//     how the value is parsed;
//   - a value that help lists is accepted. A value that is refused is named, with what was expected instead.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "lib/ring/layout.hpp"

namespace shmring::tool {

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_description(const CLI::App* app) const override;
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_subcommand(const CLI::App* command) const override;
  // A blank line ends a paragraph, and so does a line that begins with a space, with "Exit status:" or with "Example". All
  // other line breaks are spaces.
  std::string make_footer(const CLI::App* app) const override;
};

// Accepts one of these words. The option shows them as the form of its value.
CLI::Validator one_of(std::vector<std::string> words);
CLI::Option* choose(CLI::Option* option, std::vector<std::string> words);

// Accepts a decimal number, both limits included.
CLI::Validator whole_number(ring::u64 least, ring::u64 most = ~ring::u64{0});

// Prints what --help or --version asked for, and returns the exit status.
int answer(const char* program, const CLI::App& app, const CLI::Success& asked);

}  // namespace shmring::tool
