// The oracle: see oracle.hpp. First the log for itself, line by line, then its accounts against the journals.
#include "tests/support/oracle.hpp"

#include <algorithm>
#include <iterator>

#include "lib/log/files/verify.hpp"
#include "lib/os/error.hpp"
#include "tests/support/log_text.hpp"

namespace shmring::test {

Findings::Findings() = default;
Findings::Findings(Findings&&) noexcept = default;
Findings& Findings::operator=(Findings&&) noexcept = default;
Findings::~Findings() = default;

namespace {

constexpr std::size_t enough_problems = 20;

u64 sum(const Causes& causes) {
  u64 total = 0;
  for (const auto& [name, count] : causes) total += count;
  return total;
}

Causes causes_in(std::string_view text) {
  Causes causes;
  const Object object(text);
  for (const auto& [name, count] : object.pairs()) causes[std::string(name)] = static_cast<u64>(Object::to_number(count));
  return causes;
}

u64 count_of(const Causes& causes, std::string_view name) {
  const auto found = causes.find(name);
  return found == causes.end() ? 0 : found->second;
}

class Reading {
 public:
  Reading(Findings& out, const std::vector<std::unique_ptr<Journal>>& journals) : out_(out) {
    for (const auto& journal : journals) by_name_[journal->name()] = journal.get();
  }
  void line(std::string_view text);
  // The log begins with this index.
  void begin_at(u64 index) { first_ = index_ = index; }

 private:
  void seed(const Object& line);
  void complain(const std::string& what);
  LoggedAccount* account(const Object& line);
  void event(const Object& line);
  void loss(const Object& line);
  void attach(const Object& line);
  void close(const Object& line, std::string_view kind);
  void accounts(const Object& line);

  Findings& out_;
  std::map<std::string, const Journal*, std::less<>> by_name_;
  std::string_view text_;
  u64 first_ = 0, index_ = 0;
};

void Reading::complain(const std::string& what) {
  if (out_.problems.size() < enough_problems) out_.problems.push_back(what + ": " + std::string(text_.substr(0, 400)));
}

void Reading::line(std::string_view text) {
  text_ = text;
  const Object line(text);
  const std::string_view kind = line.plain("kind");
  if (line.number("v") != 1 || kind.empty()) return complain("not a line of an audit log");
  if (line.number("index") != static_cast<std::int64_t>(index_)) complain("expected index " + std::to_string(index_));
  if (index_ == first_ && first_ > 0) seed(line);
  out_.last_index = index_++;
  out_.last_kind = kind, out_.last_line = text;
  ++out_.lines[std::string(kind)];
  if (kind == "event") return event(line);
  if (kind == "loss") return loss(line);
  if (kind == "attach") return attach(line);
  if (kind == "detach" || kind == "died" || kind == "gone") return close(line, kind);
  if (kind == "accounts") accounts(line);
}

LoggedAccount* Reading::account(const Object& line) {
  const auto found = out_.accounts.find(static_cast<u64>(line.number("inc")));
  if (found == out_.accounts.end()) return complain("a line before the attach line"), nullptr;
  if (!found->second.closing.empty()) return complain("a line after the closing line"), nullptr;
  if (found->second.producer != line.plain("producer")) complain("another producer than before");
  return &found->second;
}

// What a log's first line says of the lines before it.
void Reading::seed(const Object& line) {
  if (line.plain("kind") != "accounts" || line["clean"] != "true") complain("no clean start");
  for (const std::string_view element : elements(line["accounts"])) {
    const Object item(element);
    LoggedAccount& account = out_.accounts[static_cast<u64>(item.number("inc"))];
    account.producer = item.plain("producer"), account.closing = item["open"] == "true" ? "" : "before";
    account.incarnation = static_cast<u64>(item.number("inc")), account.through = static_cast<u64>(item.number("through"));
    account.begins = account.through + 1, account.summed = causes_in(item["causes"]);
  }
}

void Reading::attach(const Object& line) {
  const u64 incarnation = static_cast<u64>(line.number("inc"));
  if (out_.accounts.contains(incarnation)) return complain("a second attach line");
  if (!line["from"].empty()) complain("an account that does not begin here");
  const auto journal = by_name_.find(line.plain("producer"));
  if (journal == by_name_.end()) complain("a producer that nobody started");
  const u64 childs = journal == by_name_.end() ? 0 : (*journal->second)->childs.load();
  for (const auto& [other, known] : out_.accounts)
    if (known.producer == line.plain("producer") && other != childs && incarnation != childs)
      complain("a producer that has attached already");
  LoggedAccount& account = out_.accounts[incarnation];
  account.producer = line.plain("producer");
  account.incarnation = incarnation;
}

void Reading::event(const Object& line) {
  LoggedAccount* account = this->account(line);
  if (account == nullptr) return;
  const u64 sequence = static_cast<u64>(line.number("seq"));
  if (sequence != account->through + 1) return complain("expected sequence " + std::to_string(account->through + 1));
  account->through = sequence;
  if (line["late"] == "true") account->late.push_back(sequence);
  const auto journal = by_name_.find(account->producer);
  if (journal == by_name_.end() || !journal->second->judged) return;
  if (sequence > journal->second->capacity() || sequence > (*journal->second)->begun) return complain("never attempted");
  if (!is_what_was_written(*journal->second, sequence, line)) complain("not what was written");
}

void Reading::loss(const Object& line) {
  LoggedAccount* account = this->account(line);
  if (account == nullptr) return;
  const LossRange range{static_cast<u64>(line.number("first")), static_cast<u64>(line.number("last")),
                        causes_in(line["causes"])};
  if (range.first != account->through + 1) return complain("expected first " + std::to_string(account->through + 1));
  if (range.last < range.first) return complain("an empty range");
  const u64 count = range.last - range.first + 1;
  if (static_cast<u64>(line.number("count")) != count || sum(range.causes) != count) complain("count is not that of the range");
  account->through = range.last;
  for (const auto& [cause, n] : range.causes) account->summed[cause] += n, out_.lost[cause] += n;
  account->losses.push_back(range);
}

void Reading::close(const Object& line, std::string_view kind) {
  LoggedAccount* account = this->account(line);
  if (account == nullptr) return;
  account->closing = kind;
  const std::int64_t last = line.number(kind == "gone" ? "through" : "last");
  if (static_cast<u64>(last) != account->through) complain("last is not " + std::to_string(account->through));
  if (kind == "gone") return;
  account->totals = causes_in(line["causes"]);
  account->nested = static_cast<u64>(line.number("nested"));
  if (sum(account->totals) != sum(account->summed)) complain("totals are not what its loss lines sum up to");
}

// Every open account is in it, as the lines before it say: of the present ring, and of those that are retired.
void Reading::accounts(const Object& line) {
  std::vector<std::string_view> all_elements = elements(line["accounts"]);
  for (const std::string_view retired : elements(line["retired"]))
    std::ranges::copy(elements(Object(retired)["accounts"]), std::back_inserter(all_elements));
  std::size_t open = 0;
  for (const std::string_view element : all_elements) {
    const Object item(element);
    const auto found = out_.accounts.find(static_cast<u64>(item.number("inc")));
    if (found == out_.accounts.end()) {
      complain("an account without an attach line");
      continue;
    }
    const LoggedAccount& account = found->second;
    if (static_cast<u64>(item.number("through")) != account.through || causes_in(item["causes"]) != account.summed ||
        (item["open"] == "true") != account.closing.empty() || item.plain("producer") != account.producer)
      complain("the account of " + std::to_string(account.incarnation) + " is not what the lines before say");
    open += account.closing.empty() ? 1 : 0;
  }
  const auto all =
      std::count_if(out_.accounts.begin(), out_.accounts.end(), [](const auto& item) { return item.second.closing.empty(); });
  if (open != static_cast<std::size_t>(all)) complain("not all open accounts are in it");
}

// --------------------------------------------------------------------------------------------------- against the journal

// Lost attempts, by what their calls returned.
struct Tally {
  u64 written = 0, full = 0, big = 0, timeout = 0, given_up = 0, unknown = 0;
  u64 sum() const { return written + full + big + timeout + given_up; }
  void operator+=(const Tally& other) {
    written += other.written, full += other.full, big += other.big, timeout += other.timeout;
    given_up += other.given_up, unknown += other.unknown;
  }
};

// What the calls of lost attempts must have returned, by the causes in a line.
Tally named_in(const Causes& causes) {
  const u64 full = count_of(causes, "full") + count_of(causes, "contended") + count_of(causes, "no_room");
  return {count_of(causes, "overwritten"), full, count_of(causes, "too_big"), count_of(causes, "timeout"),
          count_of(causes, "aborted"),     0};
}

class Comparison {
 public:
  Comparison(Findings& out, const Journal& journal, const LoggedAccount& account, const Expectation& expected)
      : out_(out), journal_(journal), account_(account), expected_(expected) {}
  void run();
  void nested();

 private:
  void complain(const std::string& what) {
    if (out_.problems.size() < enough_problems) out_.problems.push_back(journal_.name() + ": " + what);
  }
  void ends();
  void before();
  void range(const LossRange& range);
  void closing_line();
  Tally returned_by(u64 sequence) const {
    const std::uint8_t result = journal_.result(sequence);
    return {result == 0,        result == SHMRING_FULL, result == SHMRING_TOO_BIG, result == SHMRING_TIMEOUT,
            result == given_up, result == unreported};
  }
  bool killed() const { return journal_->detached == 0; }
  bool in_flight(u64 sequence) const { return journal_.result(sequence) == unreported; }

  Findings& out_;
  const Journal& journal_;
  const LoggedAccount& account_;
  const Expectation& expected_;
  Tally returned_;  // in loss ranges, as the journal says
};

void Comparison::run() {
  if (journal_->wrong > 0) complain("a result, or a sequence, that cannot be");
  if (journal_->incarnation != 0 && journal_->incarnation != account_.incarnation) complain("another incarnation");
  ends();
  before();
  u64 next = account_.begins;
  auto events_up_to = [&](u64 last) {
    for (; next <= last; ++next)
      if (journal_.result(next) != 0 && !in_flight(next)) complain("refused, but an event: " + std::to_string(next));
  };
  for (const LossRange& lost : account_.losses) {
    events_up_to(lost.first - 1);
    range(lost);
    next = lost.last + 1;
  }
  events_up_to(account_.through);
  closing_line();
}

// What was removed from the log had a loss for each attempt that was refused, and for no other.
void Comparison::before() {
  u64 refused = 0;
  for (const LossRange& lost : account_.losses) refused += lost.last - lost.first + 1;
  const u64 lost_before = sum(account_.summed) - refused;
  Tally returned;
  for (u64 n = 1; n < account_.begins; ++n) returned += returned_by(n);
  if (lost_before != returned.sum() - returned.written + returned.unknown) complain("the log's first line has another sum");
  returned.written = 0;
  returned_ += returned;
}

// Where the account ends.
void Comparison::ends() {
  const u64 begun = journal_->begun;
  if (account_.through > begun) complain("the log has more than was attempted");
  if (account_.closing.empty() && expected_.closed) complain("no closing line");
  const bool must_reach = account_.closing.empty() ? expected_.complete : account_.closing != "gone";
  const u64 least = begun > 0 && in_flight(begun) ? begun - 1 : begun;
  if (must_reach && account_.through < least)
    complain("the log ends at " + std::to_string(account_.through) + ", attempts at " + std::to_string(begun));
  if (account_.closing == "detach" && journal_->detaching == 0) complain("detached, says the log; it did not");
  if (account_.closing == "died" && journal_->detached != 0) complain("died, says the log; it detached");
}

// One loss line: what was reported as written is in none, unless it was overwritten, and the causes are those that the calls
// returned.
void Comparison::range(const LossRange& range) {
  Tally returned;
  for (u64 n = range.first; n <= range.last && n <= journal_->begun; ++n) {
    returned += returned_by(n);
    if (journal_.result(n) == 0 && !expected_.overwriting) complain("reported as written, but lost: " + std::to_string(n));
  }
  returned_ += returned;
  const Tally named = named_in(range.causes);
  const std::string where = ", in the range from " + std::to_string(range.first);
  const u64 died = count_of(range.causes, "died"), unknown = returned.unknown;
  if (named.sum() + died + count_of(range.causes, "refused") != range.last - range.first + 1)
    complain("a cause that had no occasion" + where);
  if (named.full > returned.full + unknown || named.big > returned.big + unknown ||
      named.timeout > returned.timeout + unknown || named.given_up > returned.given_up + unknown)
    complain("another cause than was returned" + where);
  if (named.written < returned.written || named.written > returned.written + unknown)
    complain("overwritten is not what was written and is lost" + where);
  if (died > 1 || (died == 1 && (!killed() || unknown == 0 || range.last != journal_->begun)))
    complain("died, but it was not in flight: " + std::to_string(range.last));
}

// The totals of the closing line are exact, whatever the lines before could know.
void Comparison::closing_line() {
  if (account_.closing.empty() || account_.closing == "gone" || account_.closing == "before") return;
  const Tally named = named_in(account_.totals);
  const u64 died = count_of(account_.totals, "died");
  const bool exact = named.full >= returned_.full && named.big >= returned_.big && named.timeout >= returned_.timeout &&
                     named.written >= returned_.written && named.given_up >= returned_.given_up &&
                     named.sum() + died == returned_.sum() + returned_.unknown && named.sum() + died == sum(account_.totals);
  if (!exact) complain("the totals of its closing line are not what was returned");
  nested();
}

void Comparison::nested() {
  if (account_.closing == "detach" && account_.nested != journal_->nested)
    complain("nested " + std::to_string(account_.nested) + ", returned " + std::to_string(journal_->nested) + " times");
}

void check_results(Findings& out, const Journal& journal) {
  for (u64 n = 1; n <= journal->begun; ++n) {
    Record record;
    const std::uint8_t result = journal.result(n);
    if (result == unreported && n != journal->begun) out.problems.push_back(journal.name() + ": an attempt without an end");
    if (result == 0 || result == SHMRING_TOO_BIG) {
      make_record(journal.producer, journal.key(n), journal.max_record, record);
      const bool too_big = record.bytes > journal.max_record && (record.meta.flags & SHMRING_META_TRUNCATE) == 0;
      if (too_big != (result == SHMRING_TOO_BIG)) out.problems.push_back(journal.name() + ": too big, or not too big");
    }
    if (out.problems.size() >= enough_problems) return;
  }
}

void ask_verify(Findings& out, const std::string& log_dir) {
  log::Verdict verdict;
  if (const int error = log::verify(log_dir, verdict); error != 0) {
    out.problems.push_back("verify: " + std::string(os::last_error()));
  } else if (!verdict.proven) {
    const log::Deviation& at = verdict.deviation;
    out.problems.push_back("verify: " + at.file + ":" + std::to_string(at.line) + ": expected " + at.expected + ", found " +
                           at.found);
  }
}

}  // namespace

const LoggedAccount* Findings::of(const Journal& journal) const {
  for (const auto& [incarnation, account] : accounts)
    if (account.producer == journal.name() && incarnation != journal->childs) return &account;
  return nullptr;
}

std::string Findings::text() const {
  std::string all;
  for (const std::string& problem : problems) all += problem + "\n";
  return all;
}

Findings consult(const std::string& log_dir, const std::vector<std::unique_ptr<Journal>>& journals, Expectation expected,
                 bool allow_torn) {
  Findings out;
  Reading reading(out, journals);
  const std::vector<std::string> files = log_files(log_dir);
  if (files.empty()) out.problems.push_back("no log in " + log_dir);
  if (expected.retained && !files.empty()) reading.begin_at(first_index_of(files.front()));
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string& file = files[i];
    const std::string text = range_of(files, i);
    std::size_t at = 0;
    for (std::size_t end; (end = text.find('\n', at)) != text.npos; at = end + 1)
      reading.line(std::string_view(text).substr(at, end - at));
    if (at != text.size() && !(allow_torn && file == files.back())) out.problems.push_back(file + ": torn");
  }
  for (const auto& journal : journals) {
    const LoggedAccount* account = out.of(*journal);
    check_results(out, *journal);
    if (account != nullptr) {
      Comparison comparison(out, *journal, *account, expected);
      journal->judged ? comparison.run() : comparison.nested();
    } else if ((*journal)->incarnation != 0 && expected.complete && !expected.retained) {
      out.problems.push_back(journal->name() + ": it attached, and the log does not know it");
    }
  }
  if (expected.lossless && !out.lost.empty()) out.problems.push_back("there are losses");
  ask_verify(out, log_dir);
  return out;
}

bool proven(const std::string& log_dir) {
  log::Verdict verdict;
  return log::verify(log_dir, verdict) == 0 && verdict.proven && verdict.torn_bytes == 0;
}

}  // namespace shmring::test
