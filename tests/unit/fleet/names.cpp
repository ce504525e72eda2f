// Names, subjects and paths: what one host or ring is called reaches into nothing of another one.
#include <doctest/doctest.h>

#include <random>
#include <set>

#include "lib/fleet/log_name.hpp"
#include "lib/fleet/log_store.hpp"
#include "tests/support/mode.hpp"

using namespace shmring::fleet;

TEST_CASE("a name has one token, and a token one name") {
  CHECK(token_of("web-1_A") == "web-1_A");
  CHECK(token_of("web.example") == "web%2Eexample");
  CHECK(token_of("a b*>%\n") == "a%20b%2A%3E%25%0A");
  std::string name;
  CHECK((name_of_token("web%2Eexample", name) && name == "web.example"));
  CHECK((name_of_token("%E2%82%AC", name) && name == "\xe2\x82\xac"));
  for (const char* token : {"", ".", "a.b", "%2", "%", "%2e", "%41", "a%", "%ZZ", "a/b", "%2F", "%00", "%0A", "%2E", "%2E%2E",
                            "a b", "*", ">", "%7F"})
    CHECK_MESSAGE(!name_of_token(token, name), token);
}

TEST_CASE("what is no name never becomes part of a path") {
  for (const char* good : {"a", "web.example", "..a", "...", "-", "\xff"}) CHECK_MESSAGE(is_name(good), good);
  for (const char* bad : {"", ".", "..", "a/b", "/", "a\nb", "\x7f", "\x01"}) CHECK_MESSAGE(!is_name(bad), bad);
  CHECK(!is_name(std::string("a\0b", 3)));
  CHECK(is_name(std::string(255, 'a')));
  CHECK(!is_name(std::string(256, 'a')));
}

TEST_CASE("a subject is a log's, whatever its names are, and nothing else is one") {
  const LogName log{"a.b", "ring%", "0123456789abcdef"};
  CHECK(subject_of(log_subjects, log) == "shmring.log.a%2Eb.ring%25.0123456789abcdef");
  CHECK(subject_of(log_subjects, log, "keys") == "shmring.log.a%2Eb.ring%25.0123456789abcdef.keys");
  LogName read;
  std::string rider;
  CHECK((parse_subject(log_subjects, subject_of(log_subjects, log), read, rider) && read == log && rider.empty()));
  CHECK((parse_subject(log_subjects, subject_of(log_subjects, log, "keys"), read, rider) && read == log && rider == "keys"));
  for (const char* bad : {"shmring.log", "shmring.log.a", "shmring.log.a.b", "shmring.log.a..c", "shmring.log.a.b.c.d.e",
                          "shmring.log.a.b.c.", "shmring.logs.a.b.c", "shmring.archived.a.b.c", "shmring.log.a.b.%2E%2E",
                          "shmring.log.a.%2F.c", "shmring.log.*.b.c", "shmring.log.a.b.c.%2E%2E"})
    CHECK_MESSAGE(!parse_subject(log_subjects, bad, read, rider), bad);
}

TEST_CASE("no two logs share a subject, also where a name is another one's prefix or has dots") {
  const std::vector<std::string> names{"a", "a.b", "b", "a.b.c", "%2E", "a%2Eb", ".a", "a-b", "A", "a ", "..."};
  std::set<std::string> subjects;
  for (const std::string& host : names)
    for (const std::string& ring : names) CHECK(subjects.insert(subject_of(log_subjects, {host, ring, "0"})).second);
}

TEST_CASE("any bytes are a name and come back, or are none") {
  auto random = shmring::test::seeded(11);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes, back;
    for (u64 size = shmring::test::below(random, 12); size > 0; --size)
      bytes += static_cast<char>(shmring::test::below(random, 256));
    const bool comes_back = name_of_token(token_of(bytes), back);
    CHECK(comes_back == is_name(bytes));
    if (comes_back) CHECK(back == bytes);
    if (name_of_token(bytes, back)) CHECK((is_name(back) && token_of(back) == bytes));
  }
}
