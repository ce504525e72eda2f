// The log of an exploration: lines as plain values, appended one at a time, and what a collector would recover from
// them.
//
// It holds two folds of the same lines. `accounts` is what recovery yields: the last accounts line, then what follows
// it. `truth` is what all lines together say of each incarnation, which no accounts line can change: the
// oracle's.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/log/format/line.hpp"

namespace explore {

using shmring::log::AccountState;
using shmring::log::Causes;
using shmring::log::u64;

// All lines that one incarnation has, folded.
struct Truth {
  bool attached = false, closed = false;
  u64 through = 0;
  u64 events = 0;
  Causes losses;  // sums of its loss lines
  Causes totals;  // of its closing line
};

class ModelLog {
 public:
  void clear();

  // Append a line; the views in it are not kept. Empty, or how the line breaks the promise: a sequence twice, a hole, a line
  // before the attach line or after the closing one, a second attach line, a count that is not the sum of its causes.
  std::string append(const shmring::log::Line& line);

  // What a restarted collector finds.
  const std::vector<AccountState>& accounts() const { return accounts_; }
  const Truth* truth(u64 incarnation) const;
  std::size_t incarnations() const { return truths_.size(); }
  std::size_t lines() const { return lines_; }
  u64 digest() const;  // of both folds: all that can matter later

 private:
  struct Named {
    u64 incarnation;
    Truth truth;
  };
  Truth& truth_of(u64 incarnation);
  AccountState* account(u64 incarnation);
  std::string append(const shmring::log::Event& line);
  std::string append(const shmring::log::Loss& line);
  std::string append(const shmring::log::LifeLine& line);
  std::string append(const shmring::log::Accounts& line);
  std::string append(const shmring::log::Gone& line);
  std::string append(const shmring::log::Note& line);

  std::vector<AccountState> accounts_;
  std::vector<Named> truths_;
  std::size_t lines_ = 0;
};

// For a trace.
std::string describe(const shmring::log::Line& line);

}  // namespace explore
