// The command line, by CLI11: see command_line.hpp.
#include "tools/common/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "tools/common/exit.hpp"
#include "tools/common/help.hpp"
#include "tools/common/text.hpp"

namespace shmring::tool {
namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (&word == &words.front() ? "" : between) + word;
  return text;
}

std::string names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  std::string form = option.get_option_text();
  if (form.empty() && !option.get_type_name().empty()) form = " " + option.get_type_name();
  return joined(names, ", ") + form;
}

// Returns "; not with --a, --b", or "".
std::string others(const std::string& text, const std::set<CLI::Option*>& options) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options) names.push_back(option->get_name());
  std::sort(names.begin(), names.end());
  return names.empty() ? "" : "; " + text + " " + joined(names, ", ");
}

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_description(const CLI::App* app) const override { return paragraph_text(app->get_description()); }

  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string out = "Usage: " + name;
    for (const CLI::Option* option : app->get_options())
      if (option->get_required() && option->nonpositional()) out += " " + names_of(*option);
    out += " [OPTIONS]";
    for (const CLI::Option* option : app->get_options())
      if (option->get_positional()) out += " " + make_option_usage(option);
    if (app->get_require_subcommand_min() != 0) out += " COMMAND";
    return out + "\n";
  }

  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    if (is_positional) return entry_text(option->get_name(true), option->get_description());
    const std::string required = option->get_required() ? "; required" : "";
    return entry_text(names_of(*option), option->get_description() + required + others("needs", option->get_needs()) +
                                             others("not with", option->get_excludes()));
  }

  std::string make_subcommand(const CLI::App* command) const override {
    return entry_text(command->get_name(), command->get_description());
  }

  std::string make_footer(const CLI::App* app) const override { return footer_text(app->get_footer()); }
};

}  // namespace

Check one_of(std::vector<std::string> words) {
  return [words = std::move(words)](const std::string& text) {
    const bool known = std::find(words.begin(), words.end(), text) != words.end();
    return known ? "" : "'" + text + "' is not one of " + joined(words, ", ");
  };
}

Check whole_number(u64 least, u64 most) {
  return [least, most](const std::string& text) {
    u64 value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_number = error == std::errc{} && end == text.data() + text.size();
    if (is_number && value >= least && value <= most) return std::string();
    const std::string what = "'" + text + "' is not a whole number ";
    return most == ~u64{0} ? what + "of " + std::to_string(least) + " or more"
                           : what + "from " + std::to_string(least) + " to " + std::to_string(most);
  };
}

Option Option::form(std::string text) { return Option(option_->type_name(std::move(text))); }
Option Option::form_of_flag(std::string text) { return Option(option_->option_text(std::move(text))); }
Option Option::required() { return Option(option_->required()); }
Option Option::check(Check check) { return Option(option_->check(CLI::Validator(std::move(check), "", ""))); }
Option Option::transform(Transform transform) {
  return Option(option_->transform(CLI::Validator(std::move(transform), "", "")));
}
Option Option::choose(std::vector<std::string> words) { return form(joined(words, "|")).check(one_of(words)); }
Option Option::comma_list() { return Option(option_->delimiter(',')); }
Option Option::one_each_time() { return Option(option_->allow_extra_args(false)); }
Option Option::needs(Option other) { return Option(option_->needs(other.option_)); }
Option Option::excludes(Option other) { return Option(option_->excludes(other.option_)); }

Command Command::add(std::string name, std::string description) {
  return {app_->add_subcommand(std::move(name), std::move(description)), status_};
}

void Command::footer(std::string text) { app_->footer(std::move(text)); }

void Command::run(std::function<int()> run) {
  app_->callback([run = std::move(run), status = status_] { *status = run(); });
}

void Command::run(std::function<std::string()> misuse, std::function<int()> run_it) {
  run([misuse = std::move(misuse), run_it = std::move(run_it)]() -> int {
    const std::string wrong = misuse();
    if (wrong.empty()) return run_it();
    complain(wrong);
    return usage;
  });
}

Option Command::value(std::string names, std::string& to, std::string help) {
  return Option(app_->add_option(std::move(names), to, std::move(help)));
}
Option Command::value(std::string names, u32& to, std::string help) {
  return Option(app_->add_option(std::move(names), to, std::move(help)));
}
Option Command::value(std::string names, u64& to, std::string help) {
  return Option(app_->add_option(std::move(names), to, std::move(help)));
}
Option Command::value(std::string names, double& to, std::string help) {
  return Option(app_->add_option(std::move(names), to, std::move(help)));
}
Option Command::value(std::string names, std::optional<u32>& to, std::string help) {
  return Option(app_->add_option(std::move(names), to, std::move(help)));
}
Option Command::value(std::string names, std::vector<std::string>& to, std::string help) {
  return Option(app_->add_option(std::move(names), to, std::move(help)));
}
Option Command::value(std::string names, std::vector<u32>& to, std::string help) {
  return Option(app_->add_option(std::move(names), to, std::move(help)));
}

Option Command::value(std::string name, Check take, std::string help) {
  const auto keep = [name, take = std::move(take)](const std::string& text) {
    if (const std::string wrong = take(text); !wrong.empty()) throw CLI::ValidationError(name, wrong);
  };
  return Option(app_->add_option_function<std::string>(name, keep, std::move(help)));
}

Option Command::flag(std::string names, bool& to, std::string help) {
  return Option(app_->add_flag(std::move(names), to, std::move(help)));
}

Option Command::flag(std::string name, std::string& to, const std::string& value_if_none, std::string help) {
  return Option(app_->add_flag(name + "{" + value_if_none + "}", to, std::move(help)));
}

std::string Command::name() const { return app_->get_name(); }

std::vector<std::string> Command::commands() const {
  std::vector<std::string> names;
  for (const CLI::App* command : app_->get_subcommands(nullptr)) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> Command::options() const {
  std::vector<std::string> names;
  for (const CLI::Option* option : app_->get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::string Command::arguments() const {
  std::string text;
  for (const CLI::Option* option : app_->get_options())
    if (option->get_positional())
      text += option->get_required() ? " " + option->get_name(true) : " [" + option->get_name(true) + "]";
  return text;
}

std::string Command::help(const std::string& command) const {
  const CLI::App* const about = command.empty() ? app_ : app_->get_subcommand(command);
  const std::string name = command.empty() ? app_->get_name() : app_->get_name() + " " + command;
  return app_->get_formatter()->make_help(about, name, CLI::AppFormatMode::Normal);
}

CommandLine::CommandLine(std::string description, std::string program)
    : app_(std::make_unique<CLI::App>(std::move(description), std::move(program))) {
  app_->formatter(std::make_shared<HelpFormatter>());
}

CommandLine::~CommandLine() = default;

void CommandLine::version(const std::string& text) { app_->set_version_flag("-V,--version", text); }

Parsing CommandLine::parse(int argc, const char* const* argv) {
  using enum Parsing::End;
  if (!app_->get_subcommands(nullptr).empty()) app_->require_subcommand(1);
  try {
    app_->parse(argc, argv);
    return {ran, status_, "", {}, {}};
  } catch (const CLI::CallForVersion& asked_for) {
    return {asked, 0, std::string(asked_for.what()) + "\n", {}, {}};
  } catch (const CLI::Success&) {
    return {asked, 0, app_->help(), {}, {}};
  } catch (const CLI::ParseError& error) {
    Parsing parsing{misused, 0, error.what(), {}, {}};
    if (const auto used = app_->get_subcommands(); !used.empty()) parsing.used = Command(used.front(), &status_);
    if (const auto extra = app_->remaining(true); !extra.empty() && dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr)
      parsing.extra = extra.front();
    return parsing;
  }
}

}  // namespace shmring::tool
