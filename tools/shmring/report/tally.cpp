// What a report says of a log's lines: see tally.hpp.
#include "tools/shmring/report/tally.hpp"

#include <algorithm>
#include <tuple>

#include "lib/log/format/parse.hpp"

namespace shmring::tool {
namespace {

constexpr std::size_t second_bytes = 20;  // "2026-11-24T22:00:08."

bool is_before(const ProducerSum& a, const ProducerSum& b) {
  return std::tuple(b.lost.total(), b.attempted(), std::string_view(a.name)) <
         std::tuple(a.lost.total(), a.attempted(), std::string_view(b.name));
}

}  // namespace

ProducerSum& ProducerSum::operator+=(const ProducerSum& other) {
  logged += other.logged, lost += other.lost;
  attached += other.attached, died += other.died, gone += other.gone, nested += other.nested;
  return *this;
}

ProducerSum& Producers::of(std::string_view name) {
  if (recent_ != nullptr && recent_->name == name) return *recent_;
  if (name.size() > most_name_bytes) {  // no ring has such a name
    has_given_up_ = true;
    return rest_;
  }
  auto found = rows_.find(name);
  if (found == rows_.end()) {
    if (rows_.size() == 2 * most_kept) give_up_least();
    found = rows_.try_emplace(std::string(name)).first;
    found->second.name = name, found->second.is_partial = has_given_up_;
  }
  return *(recent_ = &found->second);
}

// Keeps half of them, so that this is seldom done.
void Producers::give_up_least() {
  std::vector<const ProducerSum*> all;
  for (const auto& [name, row] : rows_) all.push_back(&row);
  const auto least = all.begin() + most_kept;
  std::ranges::nth_element(all, least, [](const auto* a, const auto* b) { return is_before(*a, *b); });
  std::for_each(least, all.end(), [this](const ProducerSum* row) { rest_ += *row, rows_.erase(rows_.find(row->name)); });
  recent_ = nullptr, has_given_up_ = true;
}

std::vector<ProducerSum> Producers::top(std::size_t most, ProducerSum& rest) const {
  std::vector<ProducerSum> out;
  for (const auto& [name, row] : rows_) out.push_back(row);
  std::ranges::sort(out, is_before);
  rest = rest_;
  for (; out.size() > most; out.pop_back()) rest += out.back();
  return out;
}

void Occurrences::add(const log::Parsed& line) {
  const bool is_cut = line.rest.size() > most_bytes;
  const std::string_view pairs = is_cut || line.rest.empty() ? "" : line.rest.substr(1);
  newest.push_back({line.index, std::string(line.time), std::string(line.kind_name), std::string(pairs), is_cut});
  if (newest.size() > most_kept) newest.pop_front();
  ++count;
}

void Tally::take(const log::LogLine& at, const log::Parsed& line) {
  if (first_time.empty()) first_time = line.time;
  last_time = line.time;
  file(at, line);
  if (log::has_producer(line.kind)) producer(line);
  if (line.kind == log::Kind::note) note(line);
}

void Tally::file(const log::LogLine& at, const log::Parsed& line) {
  if (files.empty() || files.back().name != at.file) {
    files.push_back({std::string(at.file), at.first_index, 0, std::string(line.time), {}});
    if (files.size() > most_files) {
      ++earlier_files, earlier_lines += files.front().lines;
      files.pop_front();
    }
  }
  ++files.back().lines;
  files.back().end = line.time;
}

void Tally::producer(const log::Parsed& line) {
  ProducerSum& row = producers.of(line.producer);
  switch (line.kind) {
    case log::Kind::event:
      ++row.logged;
      place(line, 1, 0);
      break;
    case log::Kind::loss:
      row.lost += line.causes;
      place(line, 0, line.count);
      break;
    case log::Kind::attach: ++row.attached; break;
    case log::Kind::died: ++row.died; [[fallthrough]];
    case log::Kind::detach: row.nested += line.nested; break;
    case log::Kind::gone: ++row.gone; break;
    default: break;
  }
}

void Tally::place(const log::Parsed& line, u64 logged, u64 lost) {
  const std::string_view text = line.time.substr(0, second_bytes);
  if (text != second_text_) {
    const auto ns = log::parse_time(line.time);
    second_text_ = ns ? text : "";
    if (ns) second_ = *ns / log::second_ns - (*ns % log::second_ns < 0);
  }
  if (second_text_.empty()) {
    untimed += logged + lost;
  } else {
    timeline.add(second_, logged, lost);
  }
}

void Tally::note(const log::Parsed& line) {
  std::string_view value;
  if (line.kind_name == "heartbeat") {
    ++heartbeats;
  } else if (line.kind_name == "key") {
    keys.add(line);
  } else if (line.kind_name == "incident") {
    incidents.add(line);
    outages += log::find_pair(line.rest, "from", value) && log::find_pair(line.rest, "to", value);
    count(log::find_pair_text(line.rest, "code", value) && value.size() <= most_code_bytes ? value : "");
  } else if (line.kind_name != "rotate") {
    runs.add(line);
  }
}

void Tally::count(std::string_view code) {
  auto found = std::ranges::find(codes, code, &std::pair<std::string, u64>::first);
  if (found == codes.end() && codes.size() >= most_codes)
    found = std::ranges::find(codes, "", &std::pair<std::string, u64>::first);
  if (found == codes.end())
    found = codes.insert(codes.end(), {std::string(code.substr(0, codes.size() < most_codes ? code.npos : 0)), 0});
  ++found->second;
}

}  // namespace shmring::tool
