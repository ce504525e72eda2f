// A report as text, for a terminal or a mail: the page without its picture.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "lib/log/format/time.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/report/words.hpp"
#include "tools/shmring/verify.hpp"

namespace shmring::tool {
namespace {

using Out = std::back_insert_iterator<fmt::memory_buffer>;

void print_producer(Out to, const ProducerSum& sum, std::string_view name, std::size_t width) {
  fmt::format_to(to, "  {:<{}} {:>14} {:>14} {:>12}  {}\n", name, width, sum.attempted(), sum.logged, sum.lost.total(),
                 by_cause(sum.lost, "{} {}", ", "));
}

void print_producers(Out to, const Producers& producers) {
  ProducerSum rest;
  const std::vector<ProducerSum> rows = producers.top(most_producers, rest);
  std::size_t width = 12;
  for (const ProducerSum& row : rows) width = std::max(width, row.name.size() + 1);
  fmt::format_to(to, "\n  {:<{}} {:>14} {:>14} {:>12}  {}\n", "PRODUCER", width, "ATTEMPTED", "LOGGED", "LOST", "BY CAUSE");
  for (const ProducerSum& row : rows) print_producer(to, row, row.name + (row.is_partial ? "*" : ""), width);
  if (producers.count() > rows.size() || !producers.is_complete()) print_producer(to, rest, "(all others)", width);
  if (!producers.is_complete())
    fmt::format_to(to, "  * at least: there were too many producers to be counted one by one; the sums are whole\n");
}

void print_occurrences(Out to, const char* title, const Occurrences& all) {
  fmt::format_to(to, "\n{}: {}{}\n", title, all.count, more_in_words(all));
  for (const Occurrence& one : all.newest) {
    const std::string code = code_of(one);
    fmt::format_to(to, "  {} index {} {}{}{}: {}\n", one.time, one.index, one.kind, code.empty() ? "" : " ", code,
                   in_words(one));
  }
}

void print_files(Out to, const Report& report) {
  fmt::format_to(to, "\nfiles, with the SHA-256 of their bytes\n");
  if (report.tally.earlier_files > 0)
    fmt::format_to(to, "  {} earlier file{} with {} lines\n", report.tally.earlier_files, plural(report.tally.earlier_files),
                   report.tally.earlier_lines);
  for (const HashedFile& file : report.files)
    fmt::format_to(to, "  {}  {}  {} lines, {} bytes{}\n", file.problem.empty() ? file.sha256 : file.problem, file.lines.name,
                   file.lines.lines, file.bytes, file.is_final ? "" : " so far");
}

}  // namespace

std::string report_text(const Report& report) {
  fmt::memory_buffer out;
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "{}: {}\n", report.title, verdict_word(report));
  for (const std::string& what : verdict_sentences(report)) fmt::format_to(to, "{}\n", what);
  for (const std::string& what : unchecked_sentences(report)) fmt::format_to(to, "not checked: {}\n", what);
  fmt::format_to(to, "to repeat this: {}\n", safe(report.command));
  print_producers(to, report.tally.producers);
  print_occurrences(to, "incidents and outages", report.tally.incidents);
  print_occurrences(to, "starts, stops and changes", report.tally.runs);
  print_occurrences(to, "epochs of the seal", report.tally.keys);
  print_files(to, report);
  return {out.data(), out.size()};
}

}  // namespace shmring::tool
