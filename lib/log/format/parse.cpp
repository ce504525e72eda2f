// A line's text back to a plain value: see parse.hpp.
#include "lib/log/format/parse.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "lib/log/format/base64.hpp"
#include "lib/log/format/json.hpp"

namespace shmring::log {
namespace {

constexpr std::string_view kind_names[] = {"event", "loss", "attach", "detach", "died", "accounts", "gone"};
constexpr std::string_view note_names[] = {"start",  "stop",   "recovery", "clock",     "incident",
                                           "rotate", "retain", "config",   "heartbeat", "key"};

// Sixteen bytes of a time. The digits stand where its shape has a 0.
using Bytes16 [[gnu::vector_size(16)]] = signed char;
bool has_shape(const char* text, const char* shape) {
  Bytes16 bytes, wanted;
  std::memcpy(&bytes, text, sizeof bytes);
  std::memcpy(&wanted, shape, sizeof wanted);
  const auto wrong = (bytes != wanted) & ((wanted != '0') | (bytes < '0') | (bytes > '9'));
  u64 words[2];
  std::memcpy(words, &wrong, sizeof words);
  return (words[0] | words[1]) == 0;
}

bool is_time(std::string_view text) {
  constexpr std::string_view shape = "0000-00-00T00:00:00.000000000Z";
  constexpr std::size_t rest = shape.size() - sizeof(Bytes16);
  return text.size() == shape.size() && has_shape(text.data(), shape.data()) &&
         has_shape(text.data() + rest, shape.data() + rest);
}

bool is_correlation(std::string_view text) {
  return text.size() == 32 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

class Parser {
 public:
  Parser(std::string_view line, Parsed& out) : scanner_(line), out_(out) {}

  bool line() {
    out_.ring_id = {};
    return head() && body() && (is_note() || ring_id()) && later_keys() && want("}") &&
           (scanner_.at_end() || miss("the end of the line"));
  }
  bool only_head() { return head(); }
  Mistake mistake() const { return {expected_, offset_}; }

 private:
  bool miss(std::string_view expected) { return miss(expected, scanner_.offset()); }
  bool miss(std::string_view expected, std::size_t offset) {
    expected_ = expected, offset_ = offset;
    return false;
  }
  // These take a key as an array, whose size a compiler knows.
  template <std::size_t Size>
  bool want(const char (&text)[Size]) {
    return scanner_.literal(text) || miss(text);
  }
  template <std::size_t Size>
  bool number(const char (&key)[Size], u64& value) {
    return want(key) && (scanner_.number(value) || miss("a whole number"));
  }
  template <std::size_t Size>
  bool string(const char (&key)[Size], std::string_view& raw) {
    return want(key) && (scanner_.string(raw) || miss("a string in canonical form"));
  }
  template <std::size_t Size>
  bool flag(const char (&text)[Size]) {
    return scanner_.literal(text);
  }

  bool head() {
    if (!string("{\"v\":1,\"kind\":", out_.kind_name) || !kind()) return false;
    if (!number(",\"index\":", out_.index) || !string(",\"time\":", out_.time)) return false;
    if (!is_time(out_.time)) return miss("a time YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ");
    return string(",\"ring\":", out_.ring);
  }

  bool kind() {
    const auto* known = std::find(std::begin(kind_names), std::end(kind_names), out_.kind_name);
    out_.kind = static_cast<Kind>(known - kind_names);
    if (known != std::end(kind_names)) return true;
    const bool note = std::find(std::begin(note_names), std::end(note_names), out_.kind_name) != std::end(note_names);
    out_.kind = note ? Kind::note : Kind::unknown;
    kind_at_ = scanner_.offset() - out_.kind_name.size() - 1;
    return true;
  }

  bool body() {
    switch (out_.kind) {
      case Kind::event: return producer() && event();
      case Kind::loss: return producer() && loss();
      case Kind::attach:
      case Kind::detach:
      case Kind::died: return producer() && life();
      case Kind::accounts: return accounts();
      case Kind::gone: return producer() && number(",\"through\":", out_.last);
      case Kind::unknown:
        if (scanner_.starts_with(",\"producer\":") || scanner_.starts_with(",\"accounts\":["))
          return miss("a known kind of line", kind_at_);
        return note();
      case Kind::note: return note();
    }
    return false;
  }

  // Reads a name as the ledger writes it: without an escape, so that its text is the name.
  template <std::size_t Size>
  bool name(const char (&key)[Size], std::string_view& raw) {
    return string(key, raw) && (plain_prefix(raw) == raw.size() || miss("a producer's name"));
  }

  bool producer() { return name(",\"producer\":", out_.producer) && number(",\"inc\":", out_.incarnation); }

  bool event() {
    u64 position, type;
    if (!number(",\"seq\":", out_.first) || !number(",\"lane\":", out_.lane) || !number(",\"pos\":", position)) return false;
    out_.last = out_.first;
    if (!want(",\"type\":")) return false;
    if (scanner_.next_is('"') ? !scanner_.string(out_.type) : !number_text(type, out_.type)) return miss("a number or a name");
    if (!number(",\"sev\":", out_.severity)) return false;
    out_.correlation = {};
    if (flag(",\"corr\":") && (!scanner_.string(out_.correlation) || !is_correlation(out_.correlation)))
      return miss("32 hex digits");
    if (!want(",\"data\":")) return false;
    if (!scanner_.value(out_.data)) return miss("a JSON value in canonical form");
    out_.truncated = flag(",\"truncated\":true");
    out_.late = flag(",\"late\":true");
    out_.invalid = flag(",\"invalid\":true");
    return true;
  }

  bool number_text(u64& value, std::string_view& text) {
    const Scanner begin = scanner_;
    if (!scanner_.number(value)) return false;
    text = begin.up_to(scanner_);
    return true;
  }

  bool loss() {
    return number(",\"first\":", out_.first) && number(",\"last\":", out_.last) && number(",\"count\":", out_.count) &&
           causes(",\"causes\":{", out_.causes);
  }

  bool life() {
    if (!number(",\"pid\":", out_.pid) || !number(",\"uid\":", out_.uid) || !number(",\"lane\":", out_.lane)) return false;
    if (!string(",\"exe\":", out_.exe)) return false;
    if (out_.kind != Kind::attach) {
      return number(",\"last\":", out_.last) && causes(",\"causes\":{", out_.causes) && number(",\"nested\":", out_.nested);
    }
    out_.first = 0;
    if (flag(",\"from\":") && !above_zero(out_.first)) return false;
    out_.last = out_.first;
    out_.start_time = 0;
    if (flag(",\"start\":") && !above_zero(out_.start_time)) return false;
    out_.claimed = {};
    return !flag(",\"claimed\":") || scanner_.string(out_.claimed) || miss("a string in canonical form");
  }

  bool above_zero(u64& value) { return (scanner_.number(value) && value != 0) || miss("a number above 0"); }

  bool accounts() {
    if (!want(",") || !accounts(out_.accounts, out_.over) || !ring_id() || !retired()) return false;
    out_.clean = flag(",\"clean\":");
    return (!out_.clean || want("true")) && tree();
  }

  // If this is absent, the log is not sealed here.
  bool tree() {
    out_.tree.reset();
    const std::size_t begin = scanner_.offset();
    if (!flag(",\"tree\":")) return true;
    if (!out_.clean) return miss("a tree only in a clean line", begin);
    u64 size = 0;
    TreeState& tree = out_.tree.emplace();
    if (!number("{\"base\":", tree.base) || !number(",\"size\":", size)) return false;
    if (tree.base > out_.index || size != out_.index - tree.base) return miss("a tree of the lines from its base to here");
    tree.frontier.size = size;
    if (!want(",\"hashes\":[")) return false;
    for (int left = std::popcount(size); left > 0; --left) {
      if (!hash(tree.frontier.hashes.emplace_back()) || (left > 1 && !want(","))) return false;
    }
    return want("]}");
  }

  bool hash(Hash& out) {
    const std::size_t begin = scanner_.offset();
    std::string_view text;
    return (scanner_.string(text) && decode_base64(text, std::as_writable_bytes(std::span(out)))) ||
           miss("a hash in base64", begin);
  }

  // If this is absent, there are none.
  bool retired() {
    out_.retired.clear();
    if (!flag(",\"retired\":[")) return true;
    do {
      RingAccounts retired;
      std::string_view text;
      if (!string("{\"ring_id\":", text)) return false;
      if (!ring_id_of(text, retired.ring)) return miss("32 hex digits");
      if (!want(",") || !accounts(retired.accounts, retired.over) || !want("}")) return false;
      out_.retired.push_back(std::move(retired));
    } while (scanner_.literal(","));
    return want("]");
  }

  bool accounts(std::vector<AccountState>& out, Incarnations& ended) {
    if (!want("\"accounts\":[")) return false;
    out.clear();
    if (scanner_.literal("]")) return over(ended);
    do {
      AccountState account{};
      if (!name("{\"producer\":", account.producer) || !number(",\"inc\":", account.incarnation)) return false;
      if (!number(",\"through\":", account.through) || !want(",\"open\":")) return false;
      account.open = flag("true");
      if (!account.open && !want("false")) return miss("true or false");
      if (!causes(",\"causes\":{", account.causes) || !process(account) || !want("}")) return false;
      out.push_back(account);
    } while (scanner_.literal(","));
    return want("]") && over(ended);
  }

  // Reads the process of an open account. If it is absent, the process is not known.
  bool process(AccountState& account) {
    u64 pid = 0;
    if (!account.open || !flag(",\"pid\":")) return true;
    if (!scanner_.number(pid) || pid >> 22 != 0) return miss("a process id");
    account.pid = static_cast<u32>(pid);
    return want(",\"start\":") && above_zero(account.start_time);
  }

  // If this is absent, there are none.
  bool over(Incarnations& out) {
    out = {};
    if (!flag(",\"over\":[")) return true;
    do {
      u64 first, last;
      const std::size_t begin = scanner_.offset();
      if (!number("[", first) || !number(",", last) || !want("]")) return false;
      if (!out.append(first, last)) return miss("a range behind the one before it", begin);
    } while (scanner_.literal(","));
    return want("]");
  }

  // If this is absent, the line is about the present ring.
  bool ring_id() {
    std::string_view text;
    const bool known = out_.ring_id != RingId{};
    if (!flag(",\"ring_id\":")) return true;
    if (!scanner_.string(text) || !ring_id_of(text, out_.ring_id)) return miss("32 hex digits");
    return (!known && out_.ring_id != RingId{}) || miss("one identity of a ring");
  }

  // Causes are named in the order of Cause, none occurs twice, and none is 0.
  template <std::size_t Size>
  bool causes(const char (&key)[Size], Causes& out) {
    out = {};
    if (!want(key)) return false;
    if (scanner_.literal("}")) return true;
    std::size_t next = 0;
    do {
      const std::size_t begin = scanner_.offset();
      std::string_view name;
      if (!scanner_.string(name)) return miss("a cause");
      while (next < cause_count && name_of(static_cast<Cause>(next)) != name) ++next;
      if (next == cause_count) return miss("a cause known and in its place", begin);
      if (!number(":", out.count[next])) return false;
      if (out.count[next++] == 0) return miss("a number above 0");
    } while (scanner_.literal(","));
    return want("}");
  }

  bool note() {
    const Scanner begin = scanner_;
    if (!later_keys()) return false;
    out_.rest = begin.up_to(scanner_);
    return true;
  }

  bool is_note() const { return out_.kind == Kind::note || out_.kind == Kind::unknown; }

  // Reads a note's own keys, and keys that a later version has added.
  bool later_keys() {
    while (scanner_.next_is(',')) {
      if (is_note() && !ring_id()) return false;
      if (!scanner_.literal(",")) return true;
      const std::size_t begin = scanner_.offset();
      std::string_view key, value;
      if (!scanner_.string(key) || !scanner_.literal(":") || !scanner_.value(value)) return miss("a key and its value");
      if (key == "ring_id") return miss("one identity of a ring, behind the line's own keys", begin);
    }
    return true;
  }

  Scanner scanner_;
  Parsed& out_;
  std::string_view expected_;
  std::size_t offset_ = 0;
  std::size_t kind_at_ = 0;
};

}  // namespace

bool parse(std::string_view line, Parsed& out, Mistake& mistake) {
  Parser parser(line, out);
  if (parser.line()) return true;
  mistake = parser.mistake();
  return false;
}

bool parse_head(std::string_view beginning, Parsed& out) { return Parser(beginning, out).only_head(); }

bool find_pair(std::string_view rest, std::string_view key, std::string_view& value) {
  Scanner scanner(rest);
  std::string_view found;
  while (scanner.literal(",") && scanner.string(found) && scanner.literal(":") && scanner.value(value))
    if (found == key) return true;
  return false;
}

bool find_pair_text(std::string_view rest, std::string_view key, std::string_view& text) {
  std::string_view value;
  if (!find_pair(rest, key, value)) return false;
  Scanner scanner(value);
  return scanner.string(text) && plain_prefix(text) == text.size();
}

bool find_pair_number(std::string_view rest, std::string_view key, u64& number) {
  std::string_view value;
  if (!find_pair(rest, key, value)) return false;
  Scanner scanner(value);
  return scanner.number(number) && scanner.at_end();
}

}  // namespace shmring::log
