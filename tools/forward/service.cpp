// The loop of the main thread: see service.hpp.
#include "tools/forward/service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "lib/os/calls.hpp"
#include "lib/os/clock.hpp"
#include "lib/os/error.hpp"
#include "lib/os/replace.hpp"
#include "lib/os/signals.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/text.hpp"

namespace shmring::tool {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;
constexpr std::uint64_t look_every_ns = second_ns / 5, beat_every_ns = second_ns, metrics_every_ns = 15 * second_ns;
constexpr std::uint64_t stuck_after_ns = 60 * second_ns;

collect::Priority priority_of(fleet::Weight weight) {
  switch (weight) {
    case fleet::Weight::notice: return collect::Priority::info;
    case fleet::Weight::warning: return collect::Priority::warning;
    case fleet::Weight::alarm: return collect::Priority::error;
  }
  return collect::Priority::error;
}

}  // namespace

int Service::begin() {
  if (const int error = os::take_signals(io, "shmring: a file that was read was cut by another program\n"); error != 0)
    return error;
  if (notify_.open() != 0) say({fleet::Weight::warning, "notify", os::last_error()});
  return 0;
}

void Service::say(const fleet::Said& said) {
  const char* weight = said.weight == fleet::Weight::notice    ? ""
                       : said.weight == fleet::Weight::warning ? "warning: "
                                                               : "alarm: ";
  messages_.write(priority_of(said.weight),
                  fmt::format("shmring: {}: {}{}: {}\n", request_.command, weight, said.code, safe(said.text)));
}

void Service::look(const std::vector<Stage*>& stages) {
  for (Stage* stage : stages)
    for (const fleet::Said& said : stage->take_said()) say(said);
}

void Service::beat(const std::vector<Stage*>& stages, std::uint64_t now_ns) {
  if (now_ns - beaten_ns_ < beat_every_ns) return;
  beaten_ns_ = now_ns;
  const bool stuck = std::ranges::any_of(
      stages, [&](const Stage* stage) { return !stage->exit_status() && now_ns > stage->stepped_ns() + stuck_after_ns; });
  if (!stuck) notify_.tell("WATCHDOG=1");
  if (const std::string summary = request_.summary(); summary != summary_) notify_.tell("STATUS=" + (summary_ = summary));
  if (now_ns >= metrics_due_ns_) write_metrics(now_ns);
}

void Service::write_metrics(std::uint64_t now_ns) {
  metrics_due_ns_ = now_ns + metrics_every_ns;
  if (request_.metrics.empty()) return;
  const int error = os::replace_public(request_.metrics, request_.figures(now_ns));
  if (error != 0 && error != metrics_error_)
    say({fleet::Weight::warning, "metrics", fmt::format("{} cannot be written: {}", request_.metrics, std::strerror(-error))});
  metrics_error_ = error;
}

int Service::run(const std::vector<Stage*>& stages) {
  notify_.tell("READY=1");
  const auto has_ended = [](const Stage* stage) { return stage->exit_status().has_value(); };
  const timespec pause{0, static_cast<long>(look_every_ns)};
  while (!os::stop_requested() && !std::ranges::all_of(stages, has_ended)) {
    look(stages);
    beat(stages, os::monotonic_now_ns());
    os::calls.ppoll(nullptr, 0, &pause, os::waiting_mask());
  }
  notify_.tell("STOPPING=1");
  for (Stage* stage : stages) stage->ask_to_end();
  for (Stage* stage : stages) stage->end();
  look(stages);
  write_metrics(os::monotonic_now_ns());
  messages_.end();
  for (const Stage* stage : stages)
    if (stage->exit_status().value_or(ok) != ok) return *stage->exit_status();
  return ok;
}

}  // namespace shmring::tool
