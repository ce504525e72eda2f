// What an archive has of a log: its text, and how much of it a collector believes.
#include "lib/log/files/archived.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "lib/log/files/names.hpp"
#include "tests/unit/log/support.hpp"

using namespace log_test;

namespace {

const std::string file = "20260102T030405Z-00000000000000000040.jsonl";

std::string says(u64 index) { return text_of(Archived{file, 1234, index, false}); }

}  // namespace

TEST_CASE("the text of what an archive has is read as it was written") {
  for (const Archived& one : {Archived{}, Archived{file, 1234, 57, false}, Archived{file, 0, 40, true}}) {
    Archived read{"before", 1, 1, !one.wanted};
    CHECK(parse_archived(text_of(one), read).empty());
    CHECK(read == one);
  }
  CHECK(text_of(Archived{file, 1234, 57, false}) ==
        "{\"v\":1,\"file\":\"" + file + "\",\"bytes\":1234,\"index\":57,\"wanted\":false}\n");
}

TEST_CASE("a text that is not one names the key that is wrong, and changes nothing") {
  const std::string good = says(57);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  const std::vector<std::pair<std::string, std::string>> bad{
      {"", "v"},
      {with("\"v\":1", "\"v\":2"), "v"},
      {with("{", " {"), "v"},
      {with(",\"file\":\"" + file + "\"", ""), "file"},
      {with(file, "../../../etc/passwd"), "file"},
      {with(file, file + ".zst"), "file"},
      {with(file, ""), "file"},
      {with(file, "20260102T030405Z-00000000000000000058.jsonl"), "index"},
      {with("1234", "-1"), "bytes"},
      {with("1234", "01234"), "bytes"},
      {with("57", "18446744073709551616"), "index"},
      {with("57", "\"57\""), "index"},
      {with("false", "0"), "wanted"},
      {with("}\n", "}"), "wanted"},
      {with("}\n", ",\"more\":1}\n"), "wanted"},
      {good + good, "wanted"},
      {good + std::string(1, '\0'), "wanted"}};
  for (const auto& row : bad) {
    const auto& text = row.first;
    CAPTURE(text);
    Archived read{"before", 1, 2, true};
    CHECK(parse_archived(text, read).starts_with(row.second + ":"));
    CHECK(read == Archived{"before", 1, 2, true});
  }
}

TEST_CASE("the file of a directory is read; that there is none is no error, and what is no file of that size is one") {
  Directory dir;
  std::filesystem::create_directories(dir.log());
  os::Fd directory;
  REQUIRE(open_log_directory(dir.log(), directory) == 0);
  const std::string path = dir.log() + "/archived";
  std::optional<std::string> text = "before";
  CHECK((read_archived(directory.get(), text) == 0 && !text));
  std::ofstream(path) << says(57);
  CHECK((read_archived(directory.get(), text) == 0 && text == says(57)));
  std::ofstream(path) << std::string(513, 'x');
  CHECK((read_archived(directory.get(), text) == -EBADMSG && !text));
  std::filesystem::rename(path, dir.log() + "/other");
  std::filesystem::create_symlink("other", path);
  CHECK(read_archived(directory.get(), text) == -ELOOP);
}

TEST_CASE("what the file says now is believed, also if it is less; what is no such text counts as nothing") {
  ArchivedLines lines;
  u64 before = 99;
  CHECK((!lines.look(0, std::nullopt, 100, before) && lines.index() == 0 && lines.problem().empty()));
  CHECK((!lines.look(0, says(57), 100, before) && lines.index() == 57));
  CHECK((!lines.look(0, says(57), 100, before) && lines.index() == 57));
  CHECK((lines.look(0, says(50), 100, before) && before == 57 && lines.index() == 50 && lines.problem().empty()));
  CHECK((lines.look(0, "nonsense", 100, before) && before == 50 && lines.index() == 0));
  CHECK(lines.problem().starts_with("v:"));
  CHECK((!lines.look(0, says(50), 100, before) && lines.index() == 50 && lines.problem().empty()));
  CHECK((lines.look(-EACCES, std::nullopt, 100, before) && lines.index() == 0 && lines.error() == -EACCES));
  CHECK(lines.problem().find("Permission denied") != std::string::npos);
  CHECK((!lines.look(0, says(50), 100, before) && lines.index() == 50 && lines.error() == 0));
  CHECK((lines.look(0, std::nullopt, 100, before) && before == 50 && lines.index() == 0 && lines.problem().empty()));
}

TEST_CASE("what speaks of lines that the log does not have is of another log, and stays so when this one has grown so far") {
  ArchivedLines lines;
  u64 before = 0;
  lines.look(0, says(101), 100, before);
  CHECK((lines.index() == 0 && lines.problem().starts_with("index: it is 101")));
  lines.look(0, says(101), 200, before);
  CHECK((lines.index() == 0 && !lines.problem().empty()));
  lines.look(0, says(102), 200, before);
  CHECK((lines.index() == 102 && lines.problem().empty()));
}
