// See run.hpp.
#include "tools/bench/run.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "tools/bench/board.hpp"

namespace shmring::bench {
namespace {

Round measure(const Step& step) {
  try {
    return step.contender->run(step.job);
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    throw std::runtime_error(std::string(step.contender->name) + ": " + error.what());
  }
}

void add(Report& report, const Step& step) { report.add(step.contender->name, step.contender->role, step.job, measure(step)); }

}  // namespace

Report run_steps(const std::vector<Step>& steps, const Limits& limits) {
  Report report;
  report.machine = this_machine();  // first, since the children inherit what it measures of the clock
  for (const Step& step : steps)
    if (std::find(report.transports.begin(), report.transports.end(), step.contender->name) == report.transports.end())
      report.transports.push_back(step.contender->name);
  const u64 start_ns = os::monotonic_now_ns();
  report.trips.push_back(measure_round_trip(processors()));
  while (report.rounds < limits.rounds && os::monotonic_now_ns() - start_ns < limits.limit_ns) {
    for (const Step& step : steps)
      if (!makes_rounds(step.job.measure)) add(report, step);
    report.trips.push_back(measure_round_trip(processors()));
    ++report.rounds;
  }
  for (const Step& step : steps)
    if (makes_rounds(step.job.measure)) add(report, step);
  for (const Step& step : steps) {
    const std::string note = step.contender->note ? step.contender->note() : "";
    if (!note.empty() && std::find(report.notes.begin(), report.notes.end(), note) == report.notes.end())
      report.notes.push_back(note);
  }
  report.took_ns = os::monotonic_now_ns() - start_ns;
  return report;
}

}  // namespace shmring::bench
