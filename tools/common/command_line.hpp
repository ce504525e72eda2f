// The command line of a program: its options, its subcommands, their help, and what came of parsing.
//
// Invariants:
//   - the parser behind it, CLI11, is seen by command_line.cpp alone: its headers take longer to compile than all else here;
//   - help is written for people: no line is longer than 100 columns, an option shows the form of its value, and nothing shows
//     how the value is parsed;
//   - a value that help lists is accepted. A value that is refused is named, with what was expected instead.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace shmring::tool {

// Returns "", or what is wrong with the text.
using Check = std::function<std::string(const std::string& text)>;
// The same, and puts the text into the form in which it is kept.
using Transform = std::function<std::string(std::string& text)>;

// Accepts one of these words.
Check one_of(std::vector<std::string> words);
// Accepts a decimal number, both limits included.
Check whole_number(std::uint64_t least, std::uint64_t most = ~std::uint64_t{0});

// An option, a flag or a positional argument. It belongs to its CommandLine, and a copy is the same option.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option form(std::string text);          // of the value, as help shows it
  Option form_of_flag(std::string text);  // of the value that a flag may have, with what stands between
  Option required();
  Option check(Check check);                      // the text of each value
  Option transform(Transform transform);          // the text of each value, before all checks
  Option choose(std::vector<std::string> words);  // checks for one of these, which are also the form
  Option comma_list();                            // several values in one argument, too
  Option one_each_time();                         // of a list: the argument behind the value is not another one
  Option needs(Option other);
  Option excludes(Option other);

 private:
  CLI::Option* option_;
};

// A program, or one of its subcommands. It belongs to its CommandLine, and a copy is the same command. What values are read
// into must live as long as the CommandLine.
class Command {
 public:
  Command(CLI::App* app, int* status) : app_(app), status_(status) {}

  Command add(std::string name, std::string description);  // a subcommand; a program that has some is called with one
  void footer(std::string text);                           // below the options: see footer_text() in help.hpp
  // Called when all was parsed, if the arguments name this subcommand. It returns the exit status.
  void run(std::function<int()> run);
  // The same. `misuse` returns "", or which options do not go together, which is then said instead.
  void run(std::function<std::string()> misuse, std::function<int()> run);

  // An option is named "-o,--output", a positional argument "NAME".
  Option value(std::string names, std::string& to, std::string help);
  Option value(std::string names, std::uint32_t& to, std::string help);
  Option value(std::string names, std::uint64_t& to, std::string help);
  Option value(std::string names, double& to, std::string help);
  Option value(std::string names, std::optional<std::uint32_t>& to, std::string help);
  Option value(std::string names, std::vector<std::string>& to, std::string help);
  Option value(std::string names, std::vector<std::uint32_t>& to, std::string help);
  Option value(std::string name, Check take, std::string help);  // `take` keeps the value itself
  Option flag(std::string names, bool& to, std::string help);
  // A flag that may have a value, behind '='. Without one it has this.
  Option flag(std::string name, std::string& to, const std::string& value_if_none, std::string help);

  std::string name() const;
  std::vector<std::string> commands() const;                // the subcommands' names
  std::vector<std::string> options() const;                 // their long names, each with its dashes
  std::string arguments() const;                            // the positional ones: " NAME [OTHER]"
  std::string help(const std::string& command = "") const;  // of itself, or of the subcommand

 private:
  CLI::App* app_;
  int* status_;
};

// What came of parsing.
struct Parsing {
  enum class End { ran, asked, misused } end = End::ran;
  int status = 0;                    // ran: what the subcommand returned, or 0
  std::string text;                  // asked: for this, by --help or --version · misused: what is wrong, not escaped yet
  std::optional<Command> used;       // misused: the subcommand, if that was understood
  std::optional<std::string> extra;  // misused: the argument that is none
};

class CommandLine {
 public:
  CommandLine(std::string description, std::string program);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;

  void version(const std::string& text);  // what --version prints
  Command program() { return {app_.get(), &status_}; }

  // Reads all values, and runs the subcommand if nothing is wrong with them.
  Parsing parse(int argc, const char* const* argv);

 private:
  std::unique_ptr<CLI::App> app_;
  int status_ = 0;
};

}  // namespace shmring::tool
