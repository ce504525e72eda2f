// See figures.hpp.
#include "tools/bench/figures.hpp"

#include <algorithm>
#include <iterator>

namespace shmring::bench {

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::vector<double> Figure::known() const {
  std::vector<double> known;
  std::copy_if(rounds.begin(), rounds.end(), std::back_inserter(known), [](double round) { return round != 0; });
  return known;
}

double Figure::best() const {
  const std::vector<double> all = known();
  if (all.empty()) return 0;
  return is_rate(unit_of(job.measure)) ? *std::max_element(all.begin(), all.end()) : *std::min_element(all.begin(), all.end());
}

double Figure::median() const { return median_of(known()); }

double Figure::spread() const {
  const std::vector<double> all = known();
  if (all.empty()) return 0;
  const auto [least, most] = std::minmax_element(all.begin(), all.end());
  return (*most - *least) / median();
}

double Figure::times(const Figure& other) const {
  std::vector<double> ratios;
  for (std::size_t round = 0; round < std::min(rounds.size(), other.rounds.size()); ++round)
    if (rounds[round] != 0 && other.rounds[round] != 0) ratios.push_back(rounds[round] / other.rounds[round]);
  return median_of(ratios);
}

namespace {

template <class Figures>
auto find_in(Figures& figures, const std::string& transport, const Job& job) -> decltype(figures.data()) {
  for (auto& figure : figures)
    if (figure.transport == transport && same(figure.job, job)) return &figure;
  return nullptr;
}

}  // namespace

const Figure* Report::find(const std::string& transport, const Job& job) const { return find_in(figures, transport, job); }

void Report::add(const std::string& transport, Role role, const Job& job, const Round& round) {
  Figure* figure = find_in(figures, transport, job);
  if (figure == nullptr) figure = &figures.emplace_back(Figure{transport, role, job});
  if (round.rounds.empty()) figure->rounds.push_back(round.figure);
  figure->rounds.insert(figure->rounds.end(), round.rounds.begin(), round.rounds.end());
  figure->attempted += round.attempted;
  figure->delivered += round.delivered;
  figure->dropped += round.dropped;
  figure->left_out += round.left_out;
  figure->calls.add(round.calls);
  for (std::size_t part = 0; part < round.parts.size(); ++part) {
    if (part == figure->parts.size()) figure->parts.push_back({round.parts[part].name, {}});
    figure->parts[part].rounds.push_back(round.parts[part].value);
  }
}

double Report::round_trip_ns() const {
  std::vector<double> medians;
  for (const RoundTrip& trip : trips)
    if (trip.median_ns != 0) medians.push_back(trip.median_ns);
  return median_of(medians);
}

bool Report::crowded(const Job& job) const { return !takes_turns(job.measure) && machine.processors < job.producers + 1; }

const char* measure_name(Measure measure) {
  constexpr const char* names[] = {"quiet",   "live",    "calls",  "rate",    "full",    "overwrite", "wait",     "hybrid",
                                   "cold",    "handoff", "logged", "durable", "syncing", "beside",    "finished", "encode",
                                   "hashed",  "written", "stages", "idle",    "resting", "verified",  "attended", "flood",
                                   "restart", "reboot",  "crash",  "proved",  "checked", "proof"};
  return names[static_cast<std::size_t>(measure)];
}

const char* role_name(Role role) {
  constexpr const char* names[] = {"floor", "alternative", "kernel", "libshmring", "collector"};
  return names[static_cast<std::size_t>(role)];
}

const char* unit_name(Unit unit) {
  constexpr const char* names[] = {"ns", "records/s", "lines/s", "wake-ups/s", "%", "bytes"};
  return names[static_cast<std::size_t>(unit)];
}

}  // namespace shmring::bench
