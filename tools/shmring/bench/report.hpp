// The figures of all rounds, as a table or as one JSON document.
#pragma once

#include <string>
#include <vector>

#include "tools/shmring/bench/machine.hpp"
#include "tools/shmring/bench/measure.hpp"

namespace shmring::bench {

struct Figure {
  std::string transport;
  Role role;
  Job job;
  std::vector<double> rounds;      // one each; 0: not one whole batch in time
  u64 delivered = 0, dropped = 0;  // over all rounds

  // 0 where no round had one.
  double best() const;
  double median() const;
  double spread() const;  // largest less smallest, as a part of the median
  // How many times `other`, by the median of the rounds: each is compared with its own, for a machine changes in between.
  double times(const Figure& other) const;

 private:
  std::vector<double> sorted() const;  // without those that had none
};

struct Report {
  Machine machine;
  u32 rounds = 0;
  u64 took_ns = 0;
  std::vector<std::string> transports;
  std::vector<Figure> figures;

  Figure* find(const std::string& transport, const Job& job);
};

void print_text(Report& report);
void print_json(const Report& report);

}  // namespace shmring::bench
