// Help and the checks of values: see help.hpp.
#include "tools/common/help.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "tools/common/say.hpp"

namespace shmring::tool {
namespace {

using ring::u64;

constexpr std::size_t most_columns = 100, text_column = 30;

// Returns the number of characters, each of which takes one column here.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// Appends the words of `text` to `out`, whose last line ends at column `at`. Each further line begins at column `indent`.
void wrap(std::string& out, std::string_view text, std::size_t at, std::size_t indent) {
  bool first = true;
  while (!text.empty()) {
    const std::size_t begin = text.find_first_not_of(" \n");
    if (begin == text.npos) break;
    const std::size_t end = std::min(text.find_first_of(" \n", begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    text.remove_prefix(end);
    if (!first && at + 1 + columns(word) > most_columns) {
      out += "\n" + std::string(indent, ' ');
      at = indent;
      first = true;
    }
    if (!first) out += ' ';
    out += word;
    at += columns(word) + !first;
    first = false;
  }
  out += '\n';
}

// Returns `name` on the left with its text in a column on the right.
std::string entry(const std::string& name, std::string_view text) {
  std::string out = "  " + name;
  const std::size_t at = columns(out);
  out += at + 2 <= text_column ? std::string(text_column - at, ' ') : "\n" + std::string(text_column, ' ');
  wrap(out, text, text_column, text_column);
  return out;
}

std::string names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  std::string form = option.get_option_text();
  if (form.empty() && !option.get_type_name().empty()) form = " " + option.get_type_name();
  return fmt::format("{}{}", fmt::join(names, ", "), form);
}

// Returns "; not with --a, --b", or "".
std::string others(const char* text, const std::set<CLI::Option*>& options) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options) names.push_back(option->get_name());
  std::ranges::sort(names);
  return names.empty() ? "" : fmt::format("; {} {}", text, fmt::join(names, ", "));
}

bool begins_paragraph(std::string_view line) {
  return line.starts_with(' ') || line.starts_with("Exit status:") || line.starts_with("Example");
}

}  // namespace

std::string HelpFormatter::make_description(const CLI::App* app) const {
  std::string out;
  wrap(out, app->get_description(), 0, 0);
  return out;
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  std::string out = "Usage: " + name;
  for (const CLI::Option* option : app->get_options())
    if (option->get_required() && option->nonpositional()) out += " " + names_of(*option);
  out += " [OPTIONS]";
  for (const CLI::Option* option : app->get_options())
    if (option->get_positional()) out += " " + make_option_usage(option);
  if (app->get_require_subcommand_min() != 0) out += " COMMAND";
  return out + "\n";
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  if (is_positional) return entry(option->get_name(true), option->get_description());
  const std::string required = option->get_required() ? "; required" : "";
  return entry(names_of(*option), option->get_description() + required + others("needs", option->get_needs()) +
                                      others("not with", option->get_excludes()));
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  return entry(command->get_name(), command->get_description());
}

std::string HelpFormatter::make_footer(const CLI::App* app) const {
  const std::string footer = app->get_footer() + "\n";
  std::string out, paragraph;
  for (std::size_t at = 0; at < footer.size();) {
    const std::size_t end = footer.find('\n', at);
    const std::string line = footer.substr(at, end - at);
    at = end + 1;
    if (line.empty() || begins_paragraph(line)) {
      if (!paragraph.empty()) wrap(out, paragraph, 0, 0);
      paragraph.clear();
    }
    if (line.empty()) {
      if (at < footer.size()) out += '\n';
    } else if (line.starts_with(' ')) {
      out += line + "\n";
    } else {
      paragraph += line + " ";
    }
  }
  if (!paragraph.empty()) wrap(out, paragraph, 0, 0);
  return out;
}

CLI::Validator one_of(std::vector<std::string> words) {
  return {[words = std::move(words)](const std::string& text) {
            if (std::ranges::find(words, text) != words.end()) return std::string();
            return fmt::format("'{}' is not one of {}", text, fmt::join(words, ", "));
          },
          "", ""};
}

CLI::Option* choose(CLI::Option* option, std::vector<std::string> words) {
  return option->type_name(fmt::format("{}", fmt::join(words, "|")))->check(one_of(std::move(words)));
}

CLI::Validator whole_number(u64 least, u64 most) {
  return {[least, most](const std::string& text) {
            u64 value = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
            const bool is_number = error == std::errc{} && end == text.data() + text.size();
            if (is_number && value >= least && value <= most) return std::string();
            return most == ~u64{0} ? fmt::format("'{}' is not a whole number of {} or more", text, least)
                                   : fmt::format("'{}' is not a whole number from {} to {}", text, least, most);
          },
          "", ""};
}

int answer(const char* program, const CLI::App& app, const CLI::Success& asked) {
  const bool version = dynamic_cast<const CLI::CallForVersion*>(&asked) != nullptr;
  const std::string text = version ? std::string(asked.what()) + "\n" : app.help();
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    return cannot_write(program, errno);
  return ok;
}

}  // namespace shmring::tool
