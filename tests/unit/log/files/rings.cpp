// Rings of one name: an incarnation is a number of one ring, and a ring made anew may give out the same one. What lines say of
// that, what a new collector makes of it, and what verify proves.
#include <doctest/doctest.h>

#include <memory>

#include "lib/log/files/names.hpp"
#include "lib/log/files/verify.hpp"
#include "lib/log/format/parse.hpp"
#include "tests/unit/log/support.hpp"

using namespace log_test;

namespace {

constexpr RingId one{0x0706050403020101, 0x0f0e0d0c0b0a0908}, other{0xff, 1};
const std::string one_text =
                      "01010203040506070"
                      "8090a0b0c0d0e0f",
                  other_text = "ff000000000000000100000000000000";

Note start(const RingId& ring) { return {"start", 0, {{"pid", "7", true}, {"ring_id", text_of(ring)}}}; }

std::string text_of_line(const Line& line, const RingId& ring = {}) {
  std::string out;
  Encoder("r").encode({&line, 1}, 5, out, ring);
  return out;
}

// A log of one file, line by line.
struct OneFile {
  std::shared_ptr<Directory> dir = std::make_shared<Directory>();
  std::string text;
  u64 index = 0;

  OneFile() { fs::create_directory(dir->log()); }
  OneFile& add(const Line& line, const RingId& ring = {}) {
    Encoder("ring").encode({&line, 1}, index++, text, ring);
    return *this;
  }
  void write() { put_content(dir->log() + "/" + log_file_name(0, 0), text); }
  Verdict verdict() {
    write();
    Verdict out;
    REQUIRE(verify(dir->log(), out) == 0);
    return out;
  }
};

// Two lives with one number, of two rings.
OneFile two_rings() {
  OneFile log;
  log.add(Accounts{0, {}, {}, one}).add(start(one));
  log.add(life(Life::attach, "a", 10)).add(event("a", 10, 1, "x"));
  log.add(Gone{"a", 10, 1, 0}).add(start(other));
  log.add(life(Life::attach, "b", 10)).add(event("b", 10, 1, "y"));
  return log;
}

}  // namespace

TEST_CASE("a ring's identity is 32 hex digits, its bytes as they stand in memory") {
  CHECK(text_of(one) == one_text);
  RingId read{};
  REQUIRE(ring_id_of(one_text, read));
  CHECK(read == one);
  for (const std::string& bad : {one_text.substr(1), one_text + "0", "0" + one_text.substr(2) + "G", "0A" + one_text.substr(2)})
    CHECK_FALSE(ring_id_of(bad, read));
}

TEST_CASE("a line of a ring that was retired names it, behind its own keys; no line names two") {
  const std::string key = ",\"ring_id\":\"" + one_text + "\"}\n";
  LifeLine attach = life(Life::attach, "a", 10);
  attach.start_time = 77, attach.claimed = "pay";
  for (const Line& line : {Line(event("a", 10, 1, "x")), Line(loss("a", 10, 1, 2, causes({{Cause::full, 2}}))), Line(attach),
                           Line(Gone{"a", 10, 1, 0}), Line(Note{"incident", 0, {{"what", "x"}}})}) {
    std::string text = text_of_line(line, one);
    CHECK(text.ends_with(key));
    CHECK_FALSE(text_of_line(line).ends_with(key));
    text.pop_back();
    Parsed out;
    Mistake mistake;
    REQUIRE(parse(text, out, mistake));
    CHECK(out.ring_id == one);
    const std::string later = text.substr(0, text.size() - 1) + ",\"later\":[1]";
    CHECK(parse(later + "}", out, mistake));
    CHECK_FALSE(parse(later + ",\"ring_id\":\"" + other_text + "\"}", out, mistake));
    CHECK_FALSE(parse(text.substr(0, text.size() - 1) + ",\"ring_id\":\"" + other_text + "\"}", out, mistake));
  }
}

TEST_CASE("an attach line has its process's start time and what it calls its program, where they are known") {
  LifeLine line = life(Life::attach, "a", 10, 0, {}, 5);
  CHECK(text_of_line(line).ends_with("\"from\":5}\n"));
  line.start_time = 77, line.claimed = "pay\n";
  std::string text = text_of_line(line);
  CHECK(text.ends_with("\"from\":5,\"start\":77,\"claimed\":\"pay\\n\"}\n"));
  text.pop_back();
  Parsed out;
  Mistake mistake;
  REQUIRE(parse(text, out, mistake));
  CHECK((out.start_time == 77 && out.claimed == "pay\\n"));
}

TEST_CASE("an accounts line says whose its accounts are, which processes may still write, and what retired rings have") {
  Accounts line{0, {{"a", 10, 4, true, {}, 99, 77}, {"b", 11, 0, false, {}, 99, 77}}, {}, one, {}};
  line.retired.push_back({other, {{"c", 10, 2, true, {}, 98, 76}}, {}});
  line.retired[0].over.add(9);
  std::string text = text_of_line(line);
  CHECK(
      text.ends_with("{\"producer\":\"a\",\"inc\":10,\"through\":4,\"open\":true,\"causes\":{},\"pid\":99,\"start\":77},"
                     "{\"producer\":\"b\",\"inc\":11,\"through\":0,\"open\":false,\"causes\":{}}],\"ring_id\":\"" +
                     one_text + "\",\"retired\":[{\"ring_id\":\"" + other_text +
                     "\",\"accounts\":[{\"producer\":\"c\",\"inc\":10,"
                     "\"through\":2,\"open\":true,\"causes\":{},\"pid\":98,\"start\":76}],\"over\":[[9,9]]}]}\n"));
  text.pop_back();
  Parsed out;
  Mistake mistake;
  REQUIRE(parse(text, out, mistake));
  CHECK(text_of_line(Accounts{0, out.accounts, out.over, out.ring_id, out.retired}) == text + "\n");
  CHECK((out.ring_id == one && out.retired.size() == 1 && out.retired[0].ring == other && !out.clean));
}

TEST_CASE("the first line of a clean file says so behind its other keys, and nothing but true is taken for it") {
  Accounts line{0, {}, {}, one, {}, true};
  std::string text = text_of_line(line);
  CHECK(text.ends_with(",\"ring_id\":\"" + one_text + "\",\"clean\":true}\n"));
  text.pop_back();
  Parsed out;
  Mistake mistake;
  REQUIRE(parse(text, out, mistake));
  CHECK(out.clean);
  text.replace(text.find("true"), 4, "1");
  CHECK((!parse(text, out, mistake) && mistake.expected == "true"));
  line.retired.push_back({other, {}, {}});
  text = text_of_line(line);
  CHECK(text.ends_with("\"accounts\":[]}],\"clean\":true}\n"));
}

TEST_CASE(
    "a clean line says where the log's tree stands, behind its other keys, and only what fits its index is taken for that") {
  Accounts line{0, {}, {}, one, {}, true, TreeState{4, {5, {}}}};
  for (u8 first = 1; first <= 2; ++first) line.tree->frontier.hashes.push_back(Hash{first});
  const std::string first = "AQ" + std::string(41, 'A') + "=", second = "Ag" + std::string(41, 'A') + "=";
  const std::string tree = "\"tree\":{\"base\":4,\"size\":5,\"hashes\":[\"" + first + "\",\"" + second + "\"]}";
  std::string text;
  Encoder("ring").encode(line, 9, text);
  CHECK(text.ends_with(",\"clean\":true," + tree + "}\n"));
  text.pop_back();
  Parsed out;
  Mistake mistake;
  REQUIRE(parse(text, out, mistake));
  REQUIRE(out.tree.has_value());
  CHECK(*out.tree == *line.tree);

  const auto with = [&](std::string_view part, std::string_view instead) {
    std::string changed = text;
    return changed.replace(changed.find(part), part.size(), instead);
  };
  for (const std::string& bad :
       {with("\"clean\":true,", ""), with("\"size\":5", "\"size\":6"), with("\"base\":4", "\"base\":3"),
        with("\"base\":4,\"size\":5", "\"base\":10,\"size\":18446744073709551615"), with(",\"" + second + "\"", ""),
        with("\"]}", "\",\"" + first + "\"]}"), with(first, first.substr(1)), with(first, second.substr(0, 43) + "A"),
        with("AQAA", "AQA\n"), with("\"hashes\"", "\"hash\"")}) {
    CAPTURE(bad);
    CHECK_FALSE(parse(bad, out, mistake));
  }
  REQUIRE(parse(with("," + tree, ""), out, mistake));
  CHECK_FALSE(out.tree.has_value());

  text.clear();
  Encoder("ring").encode(Accounts{0, {}, {}, one, {}, true, TreeState{9, {}}}, 9, text);
  CHECK(text.ends_with(",\"tree\":{\"base\":9,\"size\":0,\"hashes\":[]}}\n"));
  text.pop_back();
  REQUIRE(parse(text, out, mistake));
  CHECK(out.tree->frontier.size == 0);
}

TEST_CASE("a new ring's life with a number of an old one's is another account, for verify and for the next collector") {
  OneFile log = two_rings();
  const Verdict v = log.verdict();
  INFO(v.deviation.line, " ", v.deviation.expected, " / ", v.deviation.found);
  REQUIRE(v.proven);
  CHECK((v.events == 2 && v.open == 1 && v.gone == 1));
  TestLog writer(log.dir->log());
  REQUIRE(writer.error == 0);
  CHECK(writer.recovered.ring == other);
  REQUIRE(writer.recovered.accounts.size() == 1);
  CHECK((writer.recovered.accounts[0].producer == "b" && writer.recovered.accounts[0].through == 1));
  CHECK(writer.recovered.retired.empty());  // all is over there
  CHECK(writer.recovered.of(one).accounts.empty());
}

TEST_CASE("within one ring a number is still one life") {
  OneFile log;
  log.add(Accounts{0, {}, {}, one}).add(start(one)).add(life(Life::attach, "a", 10));
  log.add(Gone{"a", 10, 0, 0}).add(start(one)).add(life(Life::attach, "b", 10));
  const Verdict v = log.verdict();
  CHECK((!v.proven && v.deviation.line == 6 && v.deviation.incarnation == 10));
}

TEST_CASE("of two rings that are drained at once each line counts for the ring that it names") {
  OneFile log;
  log.add(Accounts{0, {}, {}, one}).add(start(one)).add(life(Life::attach, "a", 10)).add(event("a", 10, 1, "x"));
  log.add(start(other)).add(life(Life::attach, "b", 10)).add(event("b", 10, 1, "y"));
  log.add(event("a", 10, 2, "late"), one).add(event("b", 10, 2, "z"));
  Accounts accounts{0, {{"b", 10, 2, true, {}}}, {}, other, {{one, {{"a", 10, 2, true, {}}}, {}}}};
  log.add(accounts).add(event("a", 10, 3, "later"), one);
  REQUIRE(log.verdict().proven);
  {
    TestLog writer(log.dir->log());
    REQUIRE(writer.error == 0);
    CHECK((writer.recovered.ring == other && writer.recovered.accounts[0].through == 2));
    REQUIRE(writer.recovered.retired.size() == 1);
    CHECK((writer.recovered.retired[0].ring == one && writer.recovered.of(one).accounts[0].through == 3));
    const Accounts known = writer.recovered.known(0);
    CHECK((known.ring == other && known.retired.size() == 1 && known.retired[0].accounts[0].through == 3));
  }
  OneFile wrong = log;
  wrong.text = log.text.substr(0, log.text.rfind("{\"v\"")), --wrong.index;
  const Verdict swapped = wrong.add(event("a", 10, 3, "later"), other).verdict();
  CHECK((!swapped.proven && swapped.deviation.expected == "producer b"));
  wrong.text = log.text.substr(0, log.text.rfind("{\"v\"")), --wrong.index;
  const Verdict unnamed = wrong.add(event("a", 10, 3, "later"), {7, 7}).verdict();
  CHECK((!unnamed.proven && unnamed.deviation.expected.find("named before") != std::string::npos));
  accounts.retired.clear();
  wrong = two_rings();
  wrong.add(start(one)).add(life(Life::attach, "c", 11)).add(Accounts{0, {{"c", 11, 0, true, {}}}, {}, one});
  const Verdict left_out = wrong.verdict();
  CHECK((!left_out.proven && left_out.deviation.expected == "all 2 open accounts, each once"));
}

TEST_CASE("an attach line of a ring that no line has named before begins that ring, and no other line does") {
  OneFile log;
  log.add(Accounts{0, {}, {}, other}).add(start(other)).add(life(Life::attach, "b", 10));
  log.add(life(Life::attach, "a", 10), one).add(event("a", 10, 1, "x"), one).add(event("b", 10, 1, "y"));
  REQUIRE(log.verdict().proven);
  TestLog writer(log.dir->log());
  REQUIRE(writer.error == 0);
  CHECK((writer.recovered.ring == other && writer.recovered.accounts.size() == 1));
  REQUIRE(writer.recovered.retired.size() == 1);
  CHECK((writer.recovered.retired[0].ring == one && writer.recovered.of(one).accounts[0].through == 1));
}

TEST_CASE("lines behind an accounts line name their ring by what that one said, though the next start line is still to come") {
  Directory dir;
  TestLog writer(dir.log(), "ring", one);
  REQUIRE(writer.error == 0);
  std::vector<Line> lines{start(one)};
  const Line clock = Note{"clock", 0, {}};
  lines.resize(usual_batch_lines, clock);
  writer.accounts_of = other;
  REQUIRE(writer.append(lines, one) == 0);  // behind it an accounts line, which speaks of the ring that comes
  const Line incident = Note{"incident", 0, {{"what", "x"}}};
  REQUIRE(writer.append({&incident, 1}, one) == 0);
  CHECK(all_text(dir.log()).ends_with("\"what\":\"x\",\"ring_id\":\"" + one_text + "\"}\n"));
}

TEST_CASE("lines that the log writes name a ring only if it is not the present one") {
  Directory dir;
  TestLog writer(dir.log(), "ring", one);
  REQUIRE(writer.error == 0);
  writer.log.present(one);
  REQUIRE(writer.append(std::vector<Line>{start(one), life(Life::attach, "a", 10)}, one) == 0);
  writer.log.present(other);
  REQUIRE(writer.append(std::vector<Line>{start(other), life(Life::attach, "b", 10)}, other) == 0);
  REQUIRE(writer.append(std::vector<Line>{event("a", 10, 1, "x")}, one) == 0);
  const std::vector<std::string> lines = split_lines(all_text(dir.log()));
  REQUIRE(lines.size() == 6);
  CHECK(lines[0].ends_with("\"accounts\":[],\"ring_id\":\"" + one_text + "\",\"clean\":true}"));
  CHECK(lines[2].find("ring_id") == std::string::npos);
  CHECK(lines[4].find("ring_id") == std::string::npos);
  CHECK(lines[5].ends_with("\"data\":\"x\",\"ring_id\":\"" + one_text + "\"}"));
  Verdict v;
  REQUIRE(verify(dir.log(), v) == 0);
  CHECK((v.proven && v.open == 2));
}

TEST_CASE("a line of a kind that a later version has added is counted, not damage, unless it speaks of an account") {
  OneFile log = two_rings();
  log.add(Note{"seal", 0, {{"what", "x"}}}).add(Note{"pulse", 0, {}});
  Verdict v = log.verdict();
  CHECK((v.proven && v.not_understood == 2 && v.lines == 10));
  log.add(Note{"evens", 0, {{"producer", "b"}, {"inc", "10", true}}});
  v = log.verdict();
  CHECK((!v.proven && v.deviation.line == 11 && v.deviation.expected.starts_with("a known kind of line")));
}

TEST_CASE("writes that took no sequence are part of the verdict") {
  OneFile log;
  LifeLine closing = life(Life::detach, "a", 10, 1);
  closing.nested = 3;
  log.add(Accounts{0, {}, {}, one}).add(start(one)).add(life(Life::attach, "a", 10)).add(event("a", 10, 1, "x")).add(closing);
  CHECK((log.verdict().proven && log.verdict().nested == 3));
}

TEST_CASE("a log that was written before rings had an identity verifies, and is gone on with") {
  const char* const set = std::getenv("SHMRING_FIXTURES");
  const fs::path fixtures = fs::path(set != nullptr ? set : "tests/fixtures") / "log-0.1";
  struct {
    const char* name;
    u64 lines, open;
  } logs[] = {{"open", 56, 1}, {"closed", 13, 0}};
  for (const auto& it : logs) {
    Directory dir;
    fs::copy(fixtures / it.name, dir.log());
    Verdict v;
    REQUIRE(verify(dir.log(), v) == 0);
    CHECK((v.proven && v.lines == it.lines && v.open == it.open && v.lost.total() == (it.open == 0 ? 1 : 0)));
    TestLog writer(dir.log(), "payments", one);
    REQUIRE(writer.error == 0);
    CHECK((writer.recovered.ring == RingId{} && writer.recovered.next_index == it.lines));
    Ledger ledger(false);
    ledger.recover(writer.recovered.known());
    ledger.drop_absent([](u64) { return false; }, 0);
    REQUIRE(writer.append(ledger.lines(), writer.recovered.ring) == 0);
    writer.log.present(one);
    REQUIRE(writer.append(std::vector<Line>{start(one), life(Life::attach, "new", 10)}, one) == 0);
    CHECK(all_text(dir.log()).find("\"attach\",\"index\":" + std::to_string(it.lines + it.open + 1)) != std::string::npos);
    REQUIRE(verify(dir.log(), v) == 0);
    CHECK((v.proven && v.gone == it.open && v.open == 1));
  }
}
