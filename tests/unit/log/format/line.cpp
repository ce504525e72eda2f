// The text of a line: format, and that no payload can break it.
#include <doctest/doctest.h>

#include <algorithm>
#include <tuple>

#include "lib/log/format/json.hpp"
#include "lib/log/format/parse.hpp"
#include "tests/support/log_text.hpp"
#include "tests/support/mode.hpp"
#include "tests/unit/log/support.hpp"

using namespace log_test;
using shmring::test::from_base64;
using shmring::test::unescaped;

namespace {

std::string text_of(const Line& line, u64 index = 3) {
  std::string out;
  Encoder("ring").encode(line, index, out);
  return out;
}

std::string data_of(std::string_view payload, u8 kind = SHMRING_KIND_TEXT) {
  const std::string line = text_of(event("pay", 10, 1, payload, kind));
  const std::size_t begin = line.find(",\"data\":") + 8;
  return line.substr(begin, line.size() - 2 - begin);
}

// A line that is one line, safe on a terminal, and parses; returns its payload.
std::string round_trip(std::string_view payload, u8 kind) {
  const std::string line = text_of(event("pay", 10, 1, payload, kind));
  REQUIRE(line.back() == '\n');
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    const auto c = static_cast<unsigned char>(line[i]);
    if (c < 0x20 || c == 0x7f || (c == 0xc2 && static_cast<unsigned char>(line[i + 1]) < 0xa0))
      FAIL("byte ", i, " is a control");
  }
  Parsed parsed;
  Mistake mistake;
  REQUIRE(parse(std::string_view(line).substr(0, line.size() - 1), parsed, mistake));
  if (parsed.data.front() == '"') return unescaped(parsed.data);
  REQUIRE(parsed.data.substr(0, 11) == "{\"base64\":\"");
  return from_base64(parsed.data.substr(11, parsed.data.size() - 13));
}

}  // namespace

TEST_CASE("an event line has its keys in the order of the design") {
  Event e = event("pay", 10, 5, "hello");
  CHECK(text_of(e) ==
        "{\"v\":1,\"kind\":\"event\",\"index\":3,\"time\":\"2026-11-24T22:00:08.123456789Z\",\"ring\":\"ring\","
        "\"producer\":\"pay\","
        "\"inc\":10,\"seq\":5,\"lane\":1,\"pos\":105,\"type\":7,\"sev\":6,\"data\":\"hello\"}\n");
  e.type_name = "capture", e.truncated = e.late = true, e.kind = SHMRING_KIND_JSON, e.correlation[0] = 0xab,
  e.correlation[15] = 1;
  CHECK(text_of(e) ==
        "{\"v\":1,\"kind\":\"event\",\"index\":3,\"time\":\"2026-11-24T22:00:08.123456789Z\",\"ring\":\"ring\","
        "\"producer\":\"pay\","
        "\"inc\":10,\"seq\":5,\"lane\":1,\"pos\":105,\"type\":\"capture\",\"sev\":6,\"corr\":"
        "\"ab000000000000000000000000000001\","
        "\"data\":\"hello\",\"truncated\":true,\"late\":true,\"invalid\":true}\n");
}

TEST_CASE("loss, life, accounts, gone and note lines have their keys in the order of the design") {
  const std::string head = "\"index\":3,\"time\":\"2026-11-24T22:00:08.000000000Z\",\"ring\":\"ring\"";
  const u64 now = 1'795'557'608'000'000'000;
  const Causes lost = causes({{Cause::full, 2}, {Cause::died, 1}});
  CHECK(text_of(loss("pay", 10, 2, 4, lost)) ==
        "{\"v\":1,\"kind\":\"loss\"," + head +
            ",\"producer\":\"pay\",\"inc\":10,\"first\":2,\"last\":4,\"count\":3,\"causes\":{\"full\":2,\"died\":1}}\n");
  CHECK(text_of(life(Life::attach, "pay", 10)) ==
        "{\"v\":1,\"kind\":\"attach\"," + head +
            ",\"producer\":\"pay\",\"inc\":10,\"pid\":4711,\"uid\":1000,\"lane\":1,\"exe\":\"/usr/bin/payments\"}\n");
  CHECK(text_of(life(Life::attach, "pay", 10, 0, {}, 9)).ends_with(",\"exe\":\"/usr/bin/payments\",\"from\":9}\n"));
  CHECK(text_of(life(Life::detach, "pay", 10, 7)) ==
        "{\"v\":1,\"kind\":\"detach\"," + head +
            ",\"producer\":\"pay\",\"inc\":10,\"pid\":4711,\"uid\":1000,\"lane\":1,\"exe\":\"/usr/bin/"
            "payments\",\"last\":7,\"causes\":{},\"nested\":0}\n");
  CHECK(text_of(Accounts{now, {{"pay", 10, 4, true, lost}, {"b", 11, 0, false, {}}}}) ==
        "{\"v\":1,\"kind\":\"accounts\"," + head +
            ",\"accounts\":[{\"producer\":\"pay\",\"inc\":10,\"through\":4,\"open\":true,\"causes\":{\"full\":2,"
            "\"died\":1}},"
            "{\"producer\":\"b\",\"inc\":11,\"through\":0,\"open\":false,\"causes\":{}}]}\n");
  Accounts none{now, {}, {}};
  for (const u64 incarnation : {2, 3, 4, 9}) none.over.add(incarnation);
  CHECK(text_of(none) == "{\"v\":1,\"kind\":\"accounts\"," + head + ",\"accounts\":[],\"over\":[[2,4],[9,9]]}\n");
  CHECK(text_of(Gone{"pay", 10, 4, now}) ==
        "{\"v\":1,\"kind\":\"gone\"," + head + ",\"producer\":\"pay\",\"inc\":10,\"through\":4}\n");
  CHECK(text_of(Note{"start", now, {{"pid", "12", true}, {"why", "a \"b\"", false}}}) ==
        "{\"v\":1,\"kind\":\"start\"," + head + ",\"pid\":12,\"why\":\"a \\\"b\\\"\"}\n");
}

TEST_CASE("times are UTC to the nanosecond, leap days and year ends included") {
  const auto time_of = [](u64 ns) { return text_of(Gone{"p", 1, 0, ns}).substr(39, 30); };
  CHECK(time_of(0) == "1970-01-01T00:00:00.000000000Z");
  CHECK(time_of(1'709'251'199'999'999'999) == "2024-02-29T23:59:59.999999999Z");
  CHECK(time_of(1'709'251'200'000'000'000) == "2024-03-01T00:00:00.000000000Z");
  CHECK(time_of(4'107'542'399'000'000'001) == "2100-02-28T23:59:59.000000001Z");
  CHECK(time_of(4'107'542'400'000'000'010) == "2100-03-01T00:00:00.000000010Z");
  CHECK(time_of(~0ull) == "2554-07-21T23:34:33.709551615Z");
}

TEST_CASE("the smallest and the largest numbers, and texts without a character, stand in a line as they are and come back") {
  Parsed out;
  Mistake mistake;
  for (const u64 number : {u64{0}, ~u64{0}}) {
    CAPTURE(number);
    const std::string digits = number == 0 ? "0" : "18446744073709551615";
    Event e = event("p", number, number, "");
    e.lane = static_cast<u32>(number), e.position = number, e.type = static_cast<u32>(number);
    e.severity = static_cast<u8>(number);
    std::string text = text_of(e, number);
    CHECK(text.find("\"index\":" + digits + ",") != text.npos);
    CHECK(text.ends_with(",\"inc\":" + digits + ",\"seq\":" + digits + ",\"lane\":" + (number == 0 ? "0" : "4294967295") +
                         ",\"pos\":" + digits + ",\"type\":" + (number == 0 ? "0" : "4294967295") +
                         ",\"sev\":" + (number == 0 ? "0" : "255") + ",\"data\":\"\"}\n"));
    text.pop_back();
    REQUIRE(parse(text, out, mistake));
    CHECK((out.index == number && out.incarnation == number && out.first == number && out.data == "\"\""));
    text = text_of(Gone{"p", 1, number, 0});
    CHECK(text.ends_with(",\"through\":" + digits + "}\n"));
    text.pop_back();
    REQUIRE(parse(text, out, mistake));
    CHECK(out.last == number);
  }
  CHECK(text_of(loss("p", 1, 1, ~u64{0}, causes({{Cause::full, ~u64{0}}})))
            .ends_with("\"first\":1,\"last\":18446744073709551615,\"count\":18446744073709551615,"
                       "\"causes\":{\"full\":18446744073709551615}}\n"));
  CHECK(data_of("", SHMRING_KIND_JSON) == "\"\",\"invalid\":true");
  CHECK(data_of("", SHMRING_KIND_FIELDS) == "{}");
  CHECK(data_of("", SHMRING_KIND_BYTES) == "{\"base64\":\"\"}");
  CHECK(text_of(Note{"start", 0, {{"why", "", false}}}).ends_with(",\"why\":\"\"}\n"));
}

TEST_CASE("text that could break a line or a terminal stands as escapes") {
  CHECK(data_of("a\nb\r\t\"\\") == R"("a\nb\r\t\"\\")");
  CHECK(data_of("\x1b[31mred\x7f") == R"("\u001b[31mred\u007f")");
  CHECK(data_of("\xc2\x9b"
                "31m \xc3\xa9") == "\"\\u009b31m \xc3\xa9\"");
  CHECK(data_of("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae") == R"("\u2028\u2029\u202e")");
  CHECK(data_of(std::string_view("\0", 1)) == R"("\u0000")");
  CHECK(data_of("") == R"("")");
  CHECK(data_of("\xf0\x9f\x98\x80") == "\"\xf0\x9f\x98\x80\"");
}

TEST_CASE("text that is not UTF-8 is base64") {
  for (std::string_view bad : {"\xff", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                               "\xf4\x90\x80\x80", "a\xe2\x82", "\x80"}) {
    CAPTURE(bad.size());
    CHECK(data_of(bad).substr(0, 11) == "{\"base64\":\"");
    CHECK(round_trip(bad, SHMRING_KIND_TEXT) == bad);
  }
  CHECK(data_of("M", SHMRING_KIND_BYTES) == "{\"base64\":\"TQ==\"}");
  CHECK(data_of("Ma", SHMRING_KIND_BYTES) == "{\"base64\":\"TWE=\"}");
  CHECK(data_of("Man", SHMRING_KIND_BYTES) == "{\"base64\":\"TWFu\"}");
  CHECK(data_of("", SHMRING_KIND_BYTES) == "{\"base64\":\"\"}");
}

TEST_CASE("a JSON payload is embedded in one line, white space outside its strings removed") {
  CHECK(data_of(" {\"a\" :\n[1 , -2.5e+3,true ,null,{ }, [ ]]\t, \"b c\" : \"d  e\\u0041\\ud83d\\ude00\"}\r\n",
                SHMRING_KIND_JSON) == "{\"a\":[1,-2.5e+3,true,null,{},[]],\"b c\":\"d  e\\u0041\\ud83d\\ude00\"}");
  CHECK(data_of("\"x\x7f\xc2\x85y\"", SHMRING_KIND_JSON) == "\"x\\u007f\\u0085y\"");
  CHECK(data_of(std::string(64, '[') + std::string(64, ']'), SHMRING_KIND_JSON) == std::string(64, '[') + std::string(64, ']'));
}

TEST_CASE("a JSON payload that is none stands as text and is marked invalid") {
  for (std::string_view bad : {"",
                               " ",
                               "{",
                               "{\"a\"}",
                               "{\"a\":1,}",
                               "[1,]",
                               "[1 2]",
                               "01",
                               "1.",
                               ".5",
                               "1e",
                               "-",
                               "+1",
                               "tru",
                               "nul",
                               "\"a",
                               "\"a\nb\"",
                               "\"\\x\"",
                               "\"\\u12g4\"",
                               "\"\\ud800\"",
                               "\"\\udc00\"",
                               "\"\\ud800\\u0041\"",
                               "1 1",
                               "{1:2}",
                               "NaN",
                               "'a'",
                               "[1]]",
                               "\x01",
                               "[1,\x7f]",
                               "\"\\",
                               "-01",
                               "0x1",
                               "1e+",
                               "Infinity",
                               "{\"a\":1 \"b\":2}",
                               "{,}",
                               "[,1]",
                               "//",
                               "[1]\v"}) {
    CAPTURE(bad);
    const std::string line = text_of(event("pay", 10, 1, bad, SHMRING_KIND_JSON));
    CHECK(line.ends_with("\",\"invalid\":true}\n"));
    CHECK(round_trip(bad, SHMRING_KIND_JSON) == bad);
  }
  CHECK(data_of(std::string(65, '[') + std::string(65, ']'), SHMRING_KIND_JSON).ends_with("\",\"invalid\":true"));
  std::string deep;
  while (deep.size() < 64 << 10) deep += "{\"a\":[";
  CHECK(round_trip(deep, SHMRING_KIND_JSON) == deep);
  CHECK(round_trip(std::string(64 << 10, '['), SHMRING_KIND_JSON) == std::string(64 << 10, '['));
  for (const std::string_view bad : {"{\"\xff\":1}", "\xef\xbb\xbf{}", "{\"a\":\xc3}", "[\"\xed\xa0\x80\"]"})
    CHECK(round_trip(bad, SHMRING_KIND_JSON) == bad);
  CHECK(data_of("\"\xff\"", SHMRING_KIND_JSON) == "{\"base64\":\"Iv8i\"},\"invalid\":true");
  CHECK(data_of("abc", SHMRING_KIND_FIELDS) == "{\"base64\":\"YWJj\"},\"invalid\":true");
  CHECK(data_of("abc", 200) == "{\"base64\":\"YWJj\"},\"invalid\":true");
}

TEST_CASE("numbers of each length have all their digits and no other") {
  u64 power = 1;
  for (int digits = 1; digits <= 20; ++digits) {
    for (const u64 number : {power - 1, power, power + 1, power * 9, power * 5 + 7})
      CHECK(text_of(Gone{"p", 1, number, 0}).ends_with(",\"through\":" + std::to_string(number) + "}\n"));
    power *= 10;
  }
  for (int bit = 0; bit < 64; ++bit)
    for (const u64 number : {u64{1} << bit, (u64{1} << bit) - 1})
      CHECK(text_of(Gone{"p", 1, number, 0}).ends_with(",\"through\":" + std::to_string(number) + "}\n"));
}

TEST_CASE("every payload comes back byte for byte, from each kind and at each length around what is looked at at once") {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  CHECK(round_trip(all, SHMRING_KIND_TEXT) == all);
  CHECK(round_trip(all.substr(0, 128), SHMRING_KIND_TEXT) == all.substr(0, 128));
  CHECK(round_trip(all, SHMRING_KIND_BYTES) == all);
  for (std::size_t length = 0; length < 140; ++length) {
    if (!shmring::test::is_of_share(length, 6)) continue;
    for (std::size_t at = 0; at < length; ++at) {
      for (char special : {'"', '\\', '\n', '\x1f', '\x7f', '\x80', '\xff', '\0', '~', ' '}) {
        std::string text(length, 'x');
        text[at] = special;
        CHECK(round_trip(text, SHMRING_KIND_TEXT) == text);
      }
    }
  }
  std::string large(64 << 10, '\x01');
  for (std::size_t i = 0; i < large.size(); i += 7) large[i] = 'x';
  CHECK(round_trip(large, SHMRING_KIND_TEXT) == large);
  CHECK(round_trip(large, SHMRING_KIND_BYTES) == large);
}

TEST_CASE("each event line names its own producer and incarnation, whichever of them was another one a line before") {
  Encoder encoder("ring");
  auto check = [&encoder](std::string producer, u64 incarnation) {
    std::string line;
    encoder.encode(event(producer.c_str(), incarnation, 1, "x"), 3, line);
    CHECK(line.find("\"ring\":\"ring\",\"producer\":\"" + producer + "\",\"inc\":" + std::to_string(incarnation) + ",") !=
          line.npos);
  };
  for (u64 other = 2; other <= 1000; ++other) {
    for (const auto& [producer, incarnation] : {std::pair{"pay", other}, {"bay", u64{1}}}) {
      check("pay", 1);
      check(producer, incarnation);
    }
  }
}

TEST_CASE("hostile names cannot break a line either") {
  Event e = event("p\n\"\xff", 10, 1, "x");
  e.type_name = "\x1b]0;\x07";
  const std::string line = text_of(e);
  CHECK(line.find("\"producer\":\"p\\n\\\"\\ufffd\"") != line.npos);
  CHECK(line.find("\"type\":\"\\u001b]0;\\u0007\"") != line.npos);
  CHECK(std::count(line.begin(), line.end(), '\n') == 1);
}

TEST_CASE("every line that is encoded parses to what it said") {
  Parsed out;
  Mistake mistake;
  const auto parsed = [&](const Line& line) {
    static std::string text;
    text = text_of(line, 77);
    text.pop_back();
    return parse(text, out, mistake) && out.index == 77 && out.ring == "ring";
  };
  Event e = event("pay", 10, 5, "hello");
  e.late = true, e.type_name = "capture", e.correlation[3] = 9;
  REQUIRE(parsed(e));
  CHECK((out.kind == Kind::event && out.producer == "pay" && out.incarnation == 10 && out.first == 5 && out.last == 5));
  CHECK((out.type == "capture" && out.severity == 6 && out.data == "\"hello\"" && out.late && !out.truncated && !out.invalid));
  CHECK(out.correlation == "00000009000000000000000000000000");
  const Causes lost = causes({{Cause::full, 1}, {Cause::refused, 2}});
  REQUIRE(parsed(loss("pay", 10, 2, 4, lost)));
  CHECK((out.kind == Kind::loss && out.first == 2 && out.last == 4 && out.count == 3 && out.causes == lost));
  REQUIRE(parsed(life(Life::attach, "pay", 10, 0, {}, 9)));
  CHECK((out.kind == Kind::attach && out.first == 9 && out.pid == 4711 && out.exe == "/usr/bin/payments"));
  REQUIRE(parsed(life(Life::died, "pay", 10, 9, lost)));
  CHECK((out.kind == Kind::died && out.last == 9 && out.causes == lost));
  REQUIRE(parsed(Accounts{0, {{"pay", 10, 4, true, lost}, {"b", 11, 0, false, {}}}}));
  CHECK((out.accounts.size() == 2 && out.accounts[0].causes == lost && out.accounts[0].open && !out.accounts[1].open));
  CHECK(out.over.ranges().empty());
  Accounts some{0, {{"b", 11, 0, false, {}}}, {}};
  for (const u64 incarnation : {2, 4, 3, 9}) some.over.add(incarnation);
  REQUIRE(parsed(some));
  CHECK((out.accounts.size() == 1 && out.over == some.over));
  REQUIRE(parsed(Gone{"pay", 10, 4, 0}));
  CHECK((out.kind == Kind::gone && out.last == 4));
  REQUIRE(parsed(Note{"incident", 0, {{"what", "x,y", false}, {"n", "3", true}}}));
  CHECK((out.kind == Kind::note && out.kind_name == "incident" && out.rest == ",\"what\":\"x,y\",\"n\":3"));
}

TEST_CASE("what is over stands in ranges that are in order, apart, and not empty") {
  Parsed out;
  Mistake mistake;
  std::string text = text_of(Accounts{0, {}, {}});
  text.resize(text.size() - 2);
  const auto with = [&](const std::string& over) { return parse(text + ",\"over\":" + over + "}", out, mistake); };
  CHECK(with("[[1,1],[3,18446744073709551615]]"));
  for (const char* over : {"[]", "[[0,1]]", "[[2,1]]", "[[1,2],[3,4]]", "[[1,2],[2,4]]", "[[5,6],[1,2]]", "[[1]]", "[[1,2],]",
                           "[[1,2],[4,18446744073709551616]]"})
    CHECK_MESSAGE(!with(over), over);
}

TEST_CASE("a line with any one byte cut out, or cut short anywhere, is not taken for what it was") {
  Parsed out;
  Mistake mistake;
  for (const Line& line : small_batch()) {
    std::string text = text_of(line);
    text.pop_back();
    REQUIRE(parse(text, out, mistake));
    for (std::size_t length = 0; length < text.size(); ++length) {
      CHECK_FALSE(parse(std::string_view(text).substr(0, length), out, mistake));
      CHECK(mistake.offset <= length);
    }
    for (const std::string& extra : std::vector<std::string>{"}", " ", ",", "\n", ",\"a\":"})
      CHECK_FALSE(parse(text + extra, out, mistake));
  }
}

TEST_CASE(
    "keys out of order, renamed, doubled, or with white space are refused; a key of a later version at the end is "
    "not") {
  Parsed out;
  Mistake mistake;
  std::string text = text_of(loss("pay", 10, 2, 4, causes({{Cause::full, 2}, {Cause::died, 1}})));
  text.pop_back();
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string changed = text;
    const std::size_t at = changed.find(from);
    REQUIRE(at != changed.npos);
    return parse(changed.replace(at, from.size(), to), out, mistake);
  };
  CHECK_FALSE(with("\"first\":2,\"last\":4", "\"last\":4,\"first\":2"));
  CHECK_FALSE(with("\"inc\"", "\"Inc\""));
  CHECK_FALSE(with("{\"full\":2,\"died\":1}", "{\"died\":1,\"full\":2}"));
  CHECK_FALSE(with("{\"full\":2,", "{\"full\":2,\"full\":2,"));
  CHECK_FALSE(with("{\"full\":2,", "{\"full\":0,"));
  CHECK_FALSE(with("\"died\"", "\"lost\""));
  CHECK_FALSE(with("\"count\":3", "\"count\": 3"));
  CHECK_FALSE(with("\"count\":3", "\"count\":03"));
  CHECK_FALSE(with("\"count\":3", "\"count\":18446744073709551616"));
  CHECK_FALSE(with("\"v\":1", "\"v\":2"));
  CHECK_FALSE(with("\"kind\":\"loss\"", "\"kind\":\"lass\""));
  CHECK(mistake.expected == "a known kind of line");
  CHECK_FALSE(with("T22", " 22"));
  CHECK(with("}}", "},\"later\":[1,{\"x\":\"y\"}]}"));
}
