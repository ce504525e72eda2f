// The settings in force: the command line, then the configuration file, then the defaults. Also what a reload makes of them.
//
// Invariant: a reload changes all that the file says anew, or nothing.
#pragma once

#include <string>

#include "tools/shmringd/settings.hpp"

namespace shmring::tool {

class Configuration {
 public:
  // Reads the command line and the file. Returns true if the program is to go on. Otherwise `status` has the exit status (for
  // help and version, too), and the message was already given.
  bool parse(int argc, char** argv, int& status);
  bool is_only_checked() const { return is_only_checked_; }
  // Does all but start, and prints what is in force as a configuration file. Returns the exit status.
  int check() const;

  // `to` must stay where it is, and may be used as long as this object lives.
  void apply(collect::Settings& to);
  // Returns one line for the start: ring, log, level, policy.
  std::string summary() const;

 private:
  std::string merge(Values& out) const;
  collect::Reloaded reload();

  Values asked_;  // on the command line
  Values values_;
  std::string file_;  // "": none
  bool is_only_checked_ = false, begins_new_log_ = false;
};

}  // namespace shmring::tool
