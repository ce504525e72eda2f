// The figures of all rounds, and the statistics that are reported of them.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "tools/bench/job.hpp"
#include "tools/bench/machine.hpp"
#include "tools/bench/round_trip.hpp"

namespace shmring::bench {

// Returns 0 if there are no values.
double median_of(std::vector<double> values);

struct Figure {
  std::string transport;
  Role role;
  Job job;
  std::vector<double> rounds{};                                 // one each; 0: no batch of that round could be timed
  u64 attempted = 0, delivered = 0, dropped = 0, left_out = 0;  // over all rounds
  Histogram calls{};                                            // over all rounds
  struct Series {
    std::string name;
    std::vector<double> rounds;
  };
  std::vector<Series> parts{};

  // Each of these returns 0 if no round had a figure.
  double best() const;
  double median() const;
  double spread() const;  // (largest − smallest) / median
  // Returns the median, over the rounds, of the ratio of this to `other`. Both are taken from the same round, because the
  // machine changes between rounds.
  double times(const Figure& other) const;

 private:
  std::vector<double> known() const;  // the rounds that have a figure
};

struct Report {
  Machine machine;
  u32 rounds = 0;
  u64 took_ns = 0;
  std::vector<RoundTrip> trips;  // before the first round and after each
  std::vector<std::string> transports, notes;
  std::vector<Figure> figures;

  const Figure* find(const std::string& transport, const Job& job) const;
  void add(const std::string& transport, Role role, const Job& job, const Round& round);
  // Returns the jobs for which `wanted` (Job → bool) is true, in the order in which they were measured.
  template <class Wanted>
  std::vector<Job> jobs(const Wanted& wanted) const {
    std::vector<Job> found;
    for (const Figure& figure : figures) {
      const bool known = std::any_of(found.begin(), found.end(), [&](const Job& job) { return same(job, figure.job); });
      if (!known && wanted(figure.job)) found.push_back(figure.job);
    }
    return found;
  }
  double round_trip_ns() const;  // the median over the run; 0: not known
  bool crowded(const Job& job) const;
};

// The names that the text report and the JSON report share.
const char* measure_name(Measure measure);
const char* role_name(Role role);
const char* unit_name(Unit unit);

}  // namespace shmring::bench
