// The scanner of canonical JSON looks at eight or sixteen bytes at once: each length, each place and each byte.
#include "lib/log/format/json.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace shmring::log;

namespace {

// A copy that ends where its memory ends, so that a sanitizer sees a read behind it.
class Exact {
 public:
  explicit Exact(const std::string& text) : size_(text.size()), bytes_(new char[text.size()]) {
    text.copy(bytes_.get(), size_);
  }
  std::string_view text() const { return {bytes_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

}  // namespace

TEST_CASE("a number is read up to the first byte that is no digit, whichever that is") {
  const std::string digits = "18446744073709551615";
  for (std::size_t length = 1; length <= digits.size(); ++length) {
    const std::string number = digits.substr(0, length);
    for (unsigned byte = 0; byte < 256; ++byte) {
      if (byte >= '0' && byte <= '9') continue;
      const std::string with_byte = number + static_cast<char>(byte);
      for (const std::string& text : {number, with_byte, with_byte + "12345678"}) {
        const Exact exact(text);
        Scanner scanner(exact.text());
        u64 value = 0;
        CHECK_MESSAGE(scanner.number(value), number, " and byte ", byte);
        CHECK_MESSAGE(std::to_string(value) == number, number, " and byte ", byte);
        CHECK_MESSAGE(scanner.offset() == length, number, " and byte ", byte);
      }
    }
  }
}

TEST_CASE("a number of 2^64 and more, with a leading zero, or without a digit is none") {
  for (const char* text : {"18446744073709551616", "18446744073709551620", "99999999999999999999", "100000000000000000000",
                           "184467440737095516150", "00", "01", "0000000001", "", "-1", "a", "/", ":"}) {
    Scanner scanner{std::string_view(text)};
    u64 value = 0;
    CHECK_MESSAGE(!scanner.number(value), text);
  }
}

TEST_CASE("text is plain up to the first byte that is not, wherever that stands") {
  for (std::size_t size = 0; size <= 150; ++size) {
    const std::string plain(size, 'a');
    const Exact all(plain);
    CHECK_MESSAGE(plain_prefix(all.text()) == size, "size ", size);
    for (std::size_t at = 0; at < size; ++at) {
      for (const char special : {'"', '\\', '\x1f', '\x7f', '\x80', '\xff'}) {
        std::string text = plain;
        text[at] = special;
        const Exact exact(text);
        CHECK_MESSAGE(plain_prefix(exact.text()) == at, "size ", size, ", at ", at);
      }
    }
  }
}

TEST_CASE("of each byte it is known whether it is plain") {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool is_plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
    for (const std::size_t size : {1u, 9u, 16u, 20u, 64u, 100u}) {
      const std::string text(size, static_cast<char>(byte));
      CHECK_MESSAGE(plain_prefix(text) == (is_plain ? size : 0), "byte ", byte, ", size ", size);
    }
  }
}

TEST_CASE("a string is read up to its closing quote, wherever that stands, and without one it is none") {
  for (std::size_t size = 0; size <= 150; ++size) {
    const std::string inside(size, 'b');
    const Exact whole('"' + inside + '"'), open('"' + inside);
    std::string_view raw;
    Scanner scanner(whole.text());
    CHECK_MESSAGE(scanner.string(raw), "size ", size);
    CHECK_MESSAGE(raw == inside, "size ", size);
    CHECK_MESSAGE(scanner.at_end(), "size ", size);
    CHECK_MESSAGE(!Scanner(open.text()).string(raw), "size ", size);
  }
}
