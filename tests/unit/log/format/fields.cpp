// Payloads of kind fields, from the encoder of shmring.hpp to the text of the log: every type and its extremes, every
// truncation, hostile bytes. And times as text, which they use.
#include "lib/log/format/fields.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cerrno>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "lib/include/shmring/shmring.hpp"
#include "lib/log/format/json.hpp"
#include "lib/log/format/time.hpp"

using namespace std::literals;
using shmring::FieldEncoder;
using shmring::log::append_fields;
using shmring::log::format_time;
using shmring::log::parse_time;

namespace {

std::vector<std::byte> operator""_bytes(const char* text, std::size_t size) {
  const auto* const begin = reinterpret_cast<const std::byte*>(text);
  return {begin, begin + size};
}

template <class... T>
std::vector<std::byte> encoded(const T&... pairs) {
  std::vector<std::byte> room(100'000);
  FieldEncoder encoder(room);
  (encoder.add(pairs.first, pairs.second), ...);
  REQUIRE(encoder.fits());
  room.resize(encoder.bytes().size());
  return room;
}

// "": invalid.
std::string json(const std::vector<std::byte>& payload) {
  // Behind other text, and with its bytes where a sanitizer sees each one read beyond them.
  const std::vector<std::byte> exact(payload.begin(), payload.end());
  std::string out = "before";
  if (!append_fields(out, exact)) {
    CHECK(out == "before");
    return "";
  }
  return out.substr(6);
}

template <class T>
std::string value(const T& value) {
  const std::string text = json(encoded(std::pair("k"sv, value)));
  REQUIRE(text.starts_with("{\"k\":"));
  return text.substr(5, text.size() - 6);
}

std::chrono::sys_time<std::chrono::nanoseconds> at(std::int64_t ns) {
  return std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(ns));
}

template <class T>
using Limits = std::numeric_limits<T>;

}  // namespace

TEST_CASE("integers are numbers as long as every reader of JSON has them exactly, and then strings") {
  constexpr std::int64_t exact = (1L << 53) - 1;
  for (const std::int64_t number : {0L, 1L, -1L, 127L, 128L, -128L, -129L, 255L, 32767L, -32769L, exact, -exact})
    CHECK(value(number) == std::to_string(number));
  for (const std::int64_t number : {exact + 1, -exact - 1, Limits<std::int64_t>::max(), Limits<std::int64_t>::min()})
    CHECK(value(number) == "\"" + std::to_string(number) + "\"");
  CHECK(value(std::uint64_t(exact)) == "9007199254740991");
  CHECK(value(std::uint64_t(exact) + 1) == "\"9007199254740992\"");
  CHECK(value(Limits<std::uint64_t>::max()) == "\"18446744073709551615\"");
  CHECK(value(std::int8_t(-128)) == "-128");
  CHECK(value(std::uint8_t(255)) == "255");
  for (int bit = 0; bit < 53; ++bit) {
    CHECK(value(std::int64_t(1) << bit) == std::to_string(1ULL << bit));
    CHECK(value(-(std::int64_t(1) << bit)) == "-" + std::to_string(1ULL << bit));
  }
}

TEST_CASE("doubles have the fewest digits that read back the same; what is no number is a string") {
  for (const double number : {0.1, 1.0, 1e22, 5e-324, 1.7976931348623157e308, 1.0 / 3, -2.5, 1e-7, 123456789.123})
    CHECK(std::strtod(value(number).c_str(), nullptr) == number);
  std::mt19937_64 random(20260131);
  using D = Limits<double>;
  std::vector<double> numbers{0.0, -0.0, D::denorm_min(), -D::denorm_min(), D::min(), -D::min(), D::max(), D::lowest()};
  numbers.push_back(std::bit_cast<double>(0x000fffffffffffffu));  // the largest denormal
  while (numbers.size() < 1000) numbers.push_back(std::bit_cast<double>(random()));
  while (numbers.size() < 1500) numbers.push_back(std::bit_cast<double>(random() & 0x800fffffffffffffu));
  for (const double number : numbers) {
    if (!std::isfinite(number)) continue;
    const double back = std::strtod(value(number).c_str(), nullptr);
    CHECK(std::bit_cast<std::uint64_t>(back) == std::bit_cast<std::uint64_t>(number));
  }
  CHECK(value(-std::nan("")) == "\"NaN\"");
  CHECK(value(D::signaling_NaN()) == "\"NaN\"");
  CHECK(value(0.1) == "0.1");
  CHECK(value(-0.0) == "-0");
  CHECK(value(1.5f) == "1.5");
  CHECK(value(std::nan("")) == "\"NaN\"");
  CHECK(value(HUGE_VAL) == "\"Infinity\"");
  CHECK(value(-HUGE_VAL) == "\"-Infinity\"");
}

TEST_CASE("bool, text, bytes and time become what JSON has for them") {
  CHECK(value(true) == "true");
  CHECK(value(false) == "false");
  CHECK(value("Stra\xc3\x9f"
              "e \"\n\x1b"sv) ==
        "\"Stra\xc3\x9f"
        "e \\\"\\n\\u001b\"");
  CHECK(value(""sv) == "\"\"");
  CHECK(value("\0"sv) == "\"\\u0000\"");
  CHECK(value("no\xff utf"sv) == R"({"base64":"bm//IHV0Zg=="})");
  CHECK(value("\x00\xff"_bytes) == R"({"base64":"AP8="})");
  CHECK(value(""_bytes) == R"({"base64":""})");
  CHECK(value(std::string(70'000, 'x')) == "\"" + std::string(70'000, 'x') + "\"");
  CHECK(value(at(0)) == "\"1970-01-01T00:00:00.000000000Z\"");
  CHECK(value(at(-1)) == "\"1969-12-31T23:59:59.999999999Z\"");
  CHECK(value(at(1'795'557'608'123'456'789)) == "\"2026-11-24T22:00:08.123456789Z\"");
  CHECK(value(at(Limits<std::int64_t>::max())) == "\"2262-04-11T23:47:16.854775807Z\"");
  CHECK(value(at(Limits<std::int64_t>::min())) == "\"1677-09-21T00:12:43.145224192Z\"");
}

TEST_CASE("an enumerator is its number, and what is absent is no field") {
  enum class Small : std::int8_t { minus = -1 };
  enum class Letter : char { a = 'a' };
  enum class Large : std::uint64_t { most = ~std::uint64_t{0} };
  enum Plain { seven = 7 };
  CHECK(value(Small::minus) == "-1");
  CHECK(value(Letter::a) == "97");
  CHECK(value(Large::most) == "\"18446744073709551615\"");
  CHECK(value(seven) == "7");
  CHECK(value(std::byte{255}) == "255");
  CHECK(value(std::optional(17)) == "17");
  CHECK(value(std::optional<std::string_view>("x")) == "\"x\"");
  CHECK(value(std::optional(Small::minus)) == "-1");
  CHECK(json(encoded(std::pair("k"sv, std::optional<int>()), std::pair("l"sv, 1))) == R"({"l":1})");
}

TEST_CASE("a record keeps the order of its fields, and may have none") {
  CHECK(json({}) == "{}");
  CHECK(json(encoded(std::pair("b"sv, 1), std::pair("a"sv, true), std::pair("key \"\n"sv, "t"sv))) ==
        R"({"b":1,"a":true,"key \"\n":"t"})");
  const std::string longest(255, 'k');
  CHECK(json(encoded(std::pair(std::string_view(longest), 1))) == "{\"" + longest + "\":1}");
  CHECK(json(encoded(std::pair("\0\x1f\x7f\xc2\x85\xe2\x80\xae"sv, 1))) == R"({"\u0000\u001f\u007f\u0085\u202e":1})");
}

TEST_CASE("the encoding is the documented one, byte for byte") {
  CHECK(encoded(std::pair("i"sv, -2), std::pair("u"sv, 300u), std::pair("b"sv, true), std::pair("t"sv, "xy"sv)) ==
        "\x11\x01i\xfe\x22\x01u\x2c\x01\x14\x01"
        "b\x01\x15\x01t\x02xy"_bytes);
  CHECK(encoded(std::pair("z"sv, 0), std::pair("f"sv, false), std::pair("d"sv, 1.0), std::pair("c"sv, at(256))) ==
        "\x01\x01z\x04\x01"
        "f\x83\x01"
        "d\0\0\0\0\0\0\xf0\x3f\x27\x01"
        "c\0\x01"_bytes);
}

TEST_CASE("a writer need not shorten numbers") {
  CHECK(json("\x81\x01k\x05\0\0\0\0\0\0\0"_bytes) == R"({"k":5})");
  CHECK(json("\x81\x01k\xff\xff\xff\xff\xff\xff\xff\xff"_bytes) == R"({"k":-1})");
  CHECK(json("\x85\x01k\x01\0\0\0\0\0\0\0x"_bytes) == R"({"k":"x"})");
}

TEST_CASE("every truncation is invalid, but where a field ends") {
  const std::vector<std::byte> whole =
      encoded(std::pair("i"sv, 70000), std::pair("d"sv, 0.5), std::pair("text"sv, "hello"sv),
              std::pair("bytes"sv, "\x01\x02"_bytes), std::pair("t"sv, at(1)), std::pair("b"sv, true));
  const std::string text = json(whole);
  std::vector<std::size_t> ends;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string part = json({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    if (part.empty()) continue;
    ends.push_back(size);
    CHECK(text.starts_with(part.substr(0, part.size() - 1)));
  }
  CHECK(ends == std::vector<std::size_t>{0, 6, 17, 29, 39, 43});
}

TEST_CASE("what no encoder writes is invalid") {
  const std::vector<std::byte> bad[] = {
      "\x10\x01k\x01"_bytes,                // type 0
      "\x18\x01k\x01"_bytes,                // type 8
      "\x91\x01k\0\0\0\0\0\0\0\0\0"_bytes,  // nine bytes of number
      "\x11\x00\x01"_bytes,                 // no key
      "\x73\x01k\0\0\0\0\0\0\0"_bytes,      // seven bytes of double
      "\x14\x01k\x02"_bytes,                // neither true nor false
      "\x15\x01k\x03xy"_bytes,              // content that is not there
      "\x85\x01k\xff\xff\xff\xff\xff\xff\xff\xffx"_bytes,
      "\x11\x01\xff\x01"_bytes,            // a key that is not UTF-8
      "\x11\x01k\x01\x11\x01k\x01"_bytes,  // a key twice
      "\x11\x01k\x01\x12\x01x\x01\x14\x01k\x01"_bytes,
      "\x11\x01k\x01\0"_bytes,  // and something behind it
  };
  for (const auto& payload : bad) {
    CAPTURE(&payload - bad);
    CHECK(json(payload) == "");
  }
}

TEST_CASE("a record has at most max_fields, for who writes it and for who reads it") {
  std::vector<std::byte> room(20'000);
  FieldEncoder encoder(room);
  for (std::size_t i = 0; i < shmring::max_fields; ++i) encoder.add(std::to_string(i), i);
  CHECK(encoder.fits());
  const std::vector<std::byte> most(encoder.bytes().begin(), encoder.bytes().end());
  CHECK(json(most).ends_with("\"1023\":1023}"));
  CHECK(!encoder.add("x", 1).fits());
  std::vector<std::byte> more = most;
  for (const std::byte byte : "\x01\x01x"_bytes) more.push_back(byte);
  CHECK(json(more) == "");
}

TEST_CASE("a field that does not fit spoils the record, and nothing is written outside the room") {
  const std::vector<std::byte> whole = encoded(std::pair("key"sv, "value"sv), std::pair("n"sv, 1000));
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    std::vector<std::byte> room(size + 8, std::byte{0xaa});
    FieldEncoder encoder({room.data(), size});
    encoder.add("key", "value").add("n", 1000);
    CHECK(encoder.fits() == (size == whole.size()));
    for (std::size_t i = size; i < room.size(); ++i) CHECK(room[i] == std::byte{0xaa});
    encoder.add("x", false);
    CHECK(!encoder.fits());
  }
}

TEST_CASE("the encoder says whether a record is too big, or is none") {
  std::vector<std::byte> room(1000);
  CHECK(FieldEncoder(room).code() == 0);
  CHECK(FieldEncoder({room.data(), 4}).add("key", 1).code() == SHMRING_TOO_BIG);
  CHECK(FieldEncoder(room).add("", 1).code() == -EINVAL);
  CHECK(FieldEncoder(room).add(std::string(255, 'k'), 1).code() == 0);
  CHECK(FieldEncoder(room).add(std::string(256, 'k'), 1).code() == -EINVAL);
  const char* none = nullptr;
  CHECK(FieldEncoder(room).add("k", none).code() == -EINVAL);
  CHECK(FieldEncoder(room).add("k", "text").add("k", 1).code() == -EINVAL);
  FieldEncoder first({room.data(), 8});
  CHECK(first.add("key", 1).add("longer", 2).add("key", 3).code() == SHMRING_TOO_BIG);
  CHECK(first.bytes().size() == 6);
}

TEST_CASE("a key that stands in the record already is noticed, wherever it stands, and no other is") {
  std::mt19937 random(20261130);
  const std::vector<std::byte> some(10);
  std::vector<std::byte> room(100'000);
  for (std::size_t count = 1; count <= shmring::max_fields; count = count * 3 / 2 + 1) {
    std::vector<std::string> keys;
    const auto key_of = [](std::size_t i) { return (i % 3 == 0 ? "k" : "attribute.") + std::to_string(i); };
    for (std::size_t i = 0; i < count; ++i) keys.push_back(key_of(i));
    FieldEncoder encoder(room);
    for (std::size_t i = 0; i < count; ++i) {
      switch (random() % 4) {
        case 0: encoder.add(keys[i], std::int64_t(random()) - 1'000'000); break;
        case 1: encoder.add(keys[i], std::string(random() % 80, 'x')); break;
        case 2: encoder.add(keys[i], 0.5); break;
        default: encoder.add(keys[i], std::span(some).first(random() % 10)); break;
      }
    }
    REQUIRE(encoder.code() == 0);
    for (const std::size_t again : {std::size_t{0}, count / 2, count - 1}) {
      FieldEncoder same = encoder;
      CHECK(same.add(keys[again], 1).code() == -EINVAL);
    }
    if (count < shmring::max_fields) CHECK(FieldEncoder(encoder).add(key_of(count), 1).code() == 0);
  }
  // A key is not another one that only begins as it does, whatever their hashes.
  int wrong = 0;
  for (int i = 0; i < 3'000; ++i) wrong += FieldEncoder(room).add("k" + std::to_string(i), 1).add("k", 1).code() != 0;
  CHECK(wrong == 0);
}

TEST_CASE("an encoder whose room is scribbled over reads nothing beyond it, and ends") {
  std::mt19937 random(20261130);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> room(random() % 64 + 16);
    FieldEncoder encoder(room);
    for (int i = 0; i < 6; ++i) {
      encoder.add(std::string(1 + i % 2, static_cast<char>('a' + random() % 8)), random());
      room[random() % room.size()] = static_cast<std::byte>(random());
    }
    CHECK(encoder.bytes().size() <= room.size());
  }
  // A key's size becomes that of the next one, whatever their hashes: no bytes of it lie behind.
  for (int i = 0; i < 3'000; ++i) {
    std::vector<std::byte> room(3);
    FieldEncoder encoder(room);
    encoder.add("k", 0);
    REQUIRE(encoder.bytes().size() == 3);
    room[1] = std::byte{200};
    CHECK(encoder.add("k" + std::to_string(i) + std::string(199 - std::to_string(i).size(), 'x'), 0).code() == SHMRING_TOO_BIG);
  }
}

TEST_CASE("hostile bytes are fields or they are not, and what comes out is JSON") {
  std::mt19937 random(20260131);
  const std::vector<std::byte> seed = encoded(std::pair("i"sv, -70000), std::pair("d"sv, 0.5), std::pair("te"sv, "hello"sv),
                                              std::pair("by"sv, "\x01\x02"_bytes), std::pair("t"sv, at(1)));
  int valid = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> payload = seed;
    for (unsigned change = random() % 4; change-- > 0;) payload[random() % payload.size()] = static_cast<std::byte>(random());
    payload.resize(random() % 3 == 0 ? random() % payload.size() : payload.size());
    const std::string text = json(payload);
    if (text.empty()) continue;
    ++valid;
    shmring::log::Scanner scanner(text);
    std::string_view raw;
    REQUIRE(scanner.value(raw));
    REQUIRE(raw == text);
  }
  CHECK(valid > 1000);
  CHECK(valid < 19'000);
}

TEST_CASE("RFC 3339 times are read, and nothing else") {
  const auto same = [](std::string_view text, std::string_view canonical) {
    CAPTURE(text);
    const auto ns = parse_time(text);
    REQUIRE(ns.has_value());
    const auto back = format_time(*ns);
    CHECK(std::string_view(back.data(), back.size()) == canonical);
  };
  same("2026-11-24T22:00:08.123456789Z", "2026-11-24T22:00:08.123456789Z");
  same("2026-11-24t22:00:08z", "2026-11-24T22:00:08.000000000Z");
  same("2026-11-24 22:00:08.5+02:00", "2026-11-24T20:00:08.500000000Z");
  same("2024-02-29T23:30:00-01:30", "2024-03-01T01:00:00.000000000Z");
  same("1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z");
  same("2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000000000Z");
  same("1678-01-01T00:00:00Z", "1678-01-01T00:00:00.000000000Z");
  same("2261-12-31T23:59:59.999999999-23:59", "2262-01-01T23:58:59.999999999Z");
  for (std::string_view none : {"",
                                "now",
                                "2026-11-24",
                                "2026-11-24T22:00:08",
                                "2026-02-29T00:00:00Z",
                                "1900-02-29T00:00:00Z",
                                "2026-13-01T00:00:00Z",
                                "2026-00-01T00:00:00Z",
                                "2026-01-00T00:00:00Z",
                                "2026-01-01T24:00:00Z",
                                "2026-01-01T00:60:00Z",
                                "2026-01-01T00:00:60Z",
                                "2026-01-01T00:00:00.Z",
                                "2026-01-01T00:00:00.1234567890Z",
                                "2026-01-01T00:00:00+24:00",
                                "2026-01-01T00:00:00+0100",
                                "2026-01-01T00:00:00Z ",
                                "1677-01-01T00:00:00Z",
                                "2262-01-01T00:00:00Z",
                                "-026-01-01T00:00:00Z"}) {
    CAPTURE(none);
    CHECK(!parse_time(none).has_value());
  }
  for (std::int64_t day = -100'000; day < 100'000; day += 37) {
    const auto text = format_time(day * 86'400'000'000'000 + 1);
    CHECK(parse_time({text.data(), text.size()}) == day * 86'400'000'000'000 + 1);
  }
}
