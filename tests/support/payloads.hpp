// Payloads of each kind, exactly as long as asked, and what the log must have for them.
//
// Invariant: what is expected is known by how a payload was made; nothing here decodes or encodes what the library does,
// but for the encoder of fields, which applications use.
#pragma once

#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <string_view>

#include "lib/include/shmring/shmring.hpp"

namespace shmring::test {

// How an event line has it: a string of these bytes, base64 of these bytes, or JSON text as it stands.
enum class Form : std::uint8_t { string, base64, json };

struct Payload {
  std::string bytes;
  Form form;
  bool invalid;      // not what its kind says
  std::string json;  // with Form::json

  // As TRUNCATE leaves it: what is longer than `most` is cut, text between two characters.
  Payload cut(std::uint8_t kind, std::size_t most) const {
    if (bytes.size() <= most) return *this;
    const auto inside = [&] { return (bytes[most] & 0xc0) == 0x80; };
    for (int back = 0; kind == SHMRING_KIND_TEXT && back < 3 && inside(); ++back) --most;
    Form left = form;
    if (form == Form::json) left = kind == SHMRING_KIND_JSON ? Form::string : Form::base64;
    if (kind == SHMRING_KIND_JSON && inside()) left = Form::base64;
    return {bytes.substr(0, most), left, kind == SHMRING_KIND_JSON || kind == SHMRING_KIND_FIELDS, ""};
  }
};

class Payloads {
 public:
  // The same number makes the same payload.
  Payload make(std::uint8_t kind, std::size_t bytes, std::uint32_t number) {
    random_.seed(number);
    switch (kind) {
      case SHMRING_KIND_TEXT: return text(bytes);
      case SHMRING_KIND_JSON: return json(bytes);
      case SHMRING_KIND_FIELDS: return fields(bytes);
      default: return {noise(bytes), Form::base64, false, ""};
    }
  }

 private:
  std::string noise(std::size_t bytes) {
    std::string out(bytes, '\0');
    for (char& c : out) c = static_cast<char>(random_());
    return out;
  }
  std::string letters(std::size_t bytes) {
    std::string out(bytes, '\0');
    for (char& c : out) c = static_cast<char>('a' + random_() % 26);
    return out;
  }
  // Characters of one to four bytes, NUL, controls and what JSON escapes among them.
  std::string characters(std::size_t bytes) {
    static constexpr std::string_view some[] = {"x",
                                                "\"",
                                                "\\",
                                                "\n",
                                                "\r",
                                                "\x1b",
                                                "\x7f",
                                                std::string_view("\0", 1),
                                                "\xc2\x85",
                                                "\xc3\xa9",
                                                "\xe2\x80\xa8",
                                                "\xe2\x80\xae",
                                                "\xe2\x82\xac",
                                                "\xf0\x9f\x98\x80"};
    std::string out;
    while (out.size() < bytes) {
      const std::string_view next = some[random_() % std::size(some)];
      if (out.size() + next.size() <= bytes) out += next;
    }
    return out;
  }
  // Not UTF-8 from its first byte on, so that a cut is not either.
  std::string broken(std::size_t bytes) {
    std::string out = noise(bytes);
    if (bytes > 0) out[0] = static_cast<char>(random_() % 2 != 0 ? 0xff : 0x80);
    return out;
  }

  Payload text(std::size_t bytes) {
    const auto way = random_() % 4;
    if (way == 0 && bytes > 0) return {broken(bytes), Form::base64, false, ""};
    return {way == 1 ? letters(bytes) : characters(bytes), Form::string, false, ""};
  }
  Payload json(std::size_t bytes) {
    const auto way = random_() % 5;
    if (way == 0 && bytes >= 2) {  // a string
      const std::string whole = "\"" + letters(bytes - 2) + "\"";
      return {whole, Form::json, false, whole};
    }
    if (way == 1 && bytes >= 7) {  // an object, white space in it
      const std::string content = letters(bytes - 7);
      return {"{ \"" + content + "\":1}", Form::json, false, "{\"" + content + "\":1}"};
    }
    if (way == 2 && bytes >= 2) {  // as deep as it may be, or one more
      const std::size_t depth = bytes / 2 < 65 ? bytes / 2 : 64 + random_() % 2;
      const std::string brackets = std::string(depth, '[') + std::string(depth, ']');
      const std::string whole = std::string(bytes - 2 * depth, ' ') + brackets;
      if (depth <= 64) return {whole, Form::json, false, brackets};
      return {whole, Form::string, true, ""};
    }
    if (way == 3 && bytes >= 3) return {"\"" + noise(bytes - 3) + "\xff\"", Form::base64, true, ""};
    return {bytes > 0 ? "{" + characters(bytes - 1) : "", Form::string, true, ""};
  }
  // Fields of all types, the last one as long as it takes.
  Payload fields(std::size_t bytes) {
    if (bytes == 0) return {"", Form::json, false, "{}"};
    if (random_() % 4 == 0 || bytes < 10) return {"\xff" + noise(bytes - 1), Form::base64, true, ""};
    std::string room(bytes, '\0');
    FieldEncoder encoder(std::as_writable_bytes(std::span(room)));
    std::string expected = "{";
    while (bytes - encoder.bytes().size() > 64 && expected.size() < 400) add_one(encoder, expected);
    return fill(room, encoder, expected);
  }
  void add_one(FieldEncoder& encoder, std::string& expected) {
    using Int = std::numeric_limits<std::int64_t>;
    using Time = std::chrono::sys_time<std::chrono::nanoseconds>;
    const std::string key = "k" + std::to_string(encoder.bytes().size());
    const auto put = [&](const auto& value, std::string_view text) {
      encoder.add(key, value);
      ((expected += "\"" + key + "\":") += text) += ',';
    };
    switch (random_() % 14) {
      case 0: return put(Int::min(), "\"-9223372036854775808\"");
      case 1: return put(Int::max(), "\"9223372036854775807\"");
      case 2: return put(std::uint64_t{18446744073709551615u}, "\"18446744073709551615\"");
      case 3: return put(-1, "-1");
      case 4: return put(0u, "0");
      case 5: return put(-0.0, "-0");
      case 6: return put(5e-324, "5e-324");
      case 7: return put(HUGE_VAL, "\"Infinity\"");
      case 8: return put(std::nan(""), "\"NaN\"");
      case 9: return put(true, "true");
      case 10: return put(std::string_view("\0\"\n", 3), "\"\\u0000\\\"\\n\"");
      case 11: return put(std::string_view("\xff"), "{\"base64\":\"/w==\"}");
      case 12: return put(std::span<const std::byte>{}, "{\"base64\":\"\"}");
      default: return put(Time(std::chrono::nanoseconds(Int::min())), "\"1677-09-21T00:12:43.145224192Z\"");
    }
  }
  // A text that ends where the room does: its head is 2 bytes, its key, and as many as its length takes.
  Payload fill(std::string& room, FieldEncoder& encoder, std::string& expected) {
    const std::size_t left = room.size() - encoder.bytes().size();
    for (std::size_t key_bytes = 1;; ++key_bytes) {
      for (std::size_t digits = 0; digits <= 3; ++digits) {
        const std::size_t head = 2 + key_bytes + digits;
        if (head > left) break;
        const std::size_t content = left - head, needs = (static_cast<std::size_t>(std::bit_width(content)) + 7) / 8;
        if (needs != digits) continue;
        const std::string key(key_bytes, 'f'), text = letters(content);
        encoder.add(key, std::string_view(text));
        expected += "\"" + key + "\":\"" + text + "\"}";
        return {room, Form::json, false, expected};
      }
    }
  }

  std::mt19937 random_;
};

}  // namespace shmring::test
