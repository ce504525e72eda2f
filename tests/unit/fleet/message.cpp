// The headers and the bytes of a message: what is not right in every part makes none.
#include "lib/fleet/message.hpp"

#include <random>

#include "lib/fleet/committed.hpp"
#include "tests/support/mode.hpp"
#include "tests/unit/fleet/support.hpp"

using namespace fleet_test;

namespace {

const Range sound = range_of(name_of_file(1, 100), 10, std::string(90, 'x'), 105, "before it", Follows::given_up);

// One header of a sound range, changed.
std::string with(const char* key, const std::string& value) {
  Headers headers = headers_of(sound);
  for (auto& [name, old] : headers)
    if (name == key) old = value;
  Range read;
  return parse_range(headers, read);
}

}  // namespace

TEST_CASE("a range comes back from its headers, in whatever order they come") {
  Headers headers = headers_of(sound);
  std::ranges::reverse(headers);
  headers.emplace_back("Nats-Something", "else");
  Range read;
  CHECK(parse_range(headers, read) == "");
  CHECK(read == sound);
}

TEST_CASE("each header of a range must be there once, and right") {
  Range read = sound;
  for (std::size_t i = 0; i < headers_of(sound).size(); ++i) {
    Headers missing = headers_of(sound), twice = missing;
    missing.erase(missing.begin() + static_cast<std::ptrdiff_t>(i));
    twice.push_back(twice[i]);
    CHECK(parse_range(missing, read).ends_with("it is missing"));
    CHECK(parse_range(twice, read).ends_with("it is there twice"));
  }
  CHECK(read == sound);  // nothing was taken
  for (const char* file : {"", "../../etc/passwd", "keys", "20260102T030405Z-00000000000000000100.jsonl.zst",
                           "20260102T030405Z-00000000000000000100.jsonl/", "x\n"})
    CHECK(with("Shmring-File", file).find("is not the name of a file") != std::string::npos);
  for (const char* key : {"Shmring-Begin", "Shmring-End", "Shmring-Next"})
    for (const char* value : {"", "-1", "+1", "01", "1x", " 1", "18446744073709551616"})
      CHECK(with(key, value).find(std::string("header ") + key) == 0);
  CHECK(with("Shmring-End", "10") != "");       // nothing
  CHECK(with("Shmring-Begin", "100") != "");    // nothing
  CHECK(with("Shmring-End", "4194315") != "");  // a byte too much
  CHECK(with("Shmring-Next", "99") != "");      // before the file's first line
  CHECK(with("Shmring-Next", "201") != "");     // more lines than bytes
  CHECK(with("Shmring-Before", "0123456789abcde") != "");
  CHECK(with("Shmring-Before", "0123456789ABCDEF") != "");
  CHECK(with("Shmring-Follows", "") != "");
  CHECK(with("Shmring-Follows", "everything") != "");
}

TEST_CASE("a rider has a name that is known, and a size that is allowed") {
  Rider read;
  std::size_t bytes = 0;
  CHECK(parse_rider(headers_of(Rider{"keys", 7}, 100), "keys", read, bytes) == "");
  CHECK((read == Rider{"keys", 7} && bytes == 100));
  CHECK(parse_rider(headers_of(Rider{"keys", 7}, 100), "passwd", read, bytes) != "");
  CHECK(parse_rider(headers_of(Rider{"keys", 7}, 100), "keys\n", read, bytes) != "");
  CHECK(parse_rider(headers_of(Rider{"keys", 7}, 0), "keys", read, bytes) != "");
  CHECK(parse_rider(headers_of(Rider{"keys", 7}, most_rider_bytes + 1), "keys", read, bytes) != "");
  CHECK(parse_rider({}, "keys", read, bytes) != "");
}

TEST_CASE("bytes are packed and come back; what is damaged, or lies about its size, does not") {
  const std::string bytes = lines_of(0, 1000);
  const std::string packed = pack(bytes);
  std::string out;
  CHECK(packed.size() < bytes.size() / 2);
  CHECK(unpack(packed, bytes.size(), out) == "");
  CHECK(out == bytes);
  CHECK(unpack(packed, bytes.size() - 1, out) != "");
  CHECK(unpack(packed, bytes.size() + 1, out) != "");
  CHECK(unpack("", 1, out) != "");
  for (std::size_t at = 0; at < packed.size(); at += 7) {
    std::string damaged = packed;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    if (unpack(damaged, bytes.size(), out).empty()) CHECK(out == bytes);
  }
}

TEST_CASE("headers of any bytes do no harm") {
  auto random = shmring::test::seeded(12);
  for (int i = 0; i < 20'000; ++i) {
    Headers headers = headers_of(sound);
    auto& [key, value] = headers[shmring::test::below(random, headers.size())];
    const std::size_t at = shmring::test::below(random, value.size() + 1);
    value.insert(at, 1, static_cast<char>(shmring::test::below(random, 256)));
    Range read;
    if (!parse_range(headers, read).empty()) continue;
    CHECK(shmring::log::first_index_of(read.file) <= read.next_index);
    CHECK((read.begin < read.end && read.end - read.begin <= most_bytes));
  }
}

TEST_CASE("what is committed comes back from its text, and from no other") {
  const Committed committed{name_of_file(1, 3), 4711, 17, true, false};
  const std::string text = committed_text(committed, 5);
  Committed read;
  u64 generation = 0;
  CHECK((parse_committed(text, read, generation) && read == committed && generation == 5));
  CHECK(text.size() == 256);
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    CHECK_MESSAGE(!parse_committed(changed, read, generation), at);
    CHECK(!parse_committed(text.substr(0, at), read, generation));
  }
  Committed behind = committed;
  behind.index = 2;
  CHECK(!parse_committed(committed_text(behind, 1), read, generation));  // below the file's first line
  behind = committed, behind.file = "x";
  CHECK(!parse_committed(committed_text(behind, 1), read, generation));
}
