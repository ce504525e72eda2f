// Thousands of random changes of a sealed log: each is found, or lies outside of what was signed; an untouched log is never
// convicted.
//
// Invariant: the judgement here is not verify's own. A log that verify takes must have, up to the line through which it says
// that it is signed, the lines that were written; and it must reach as far as the checkpoint that the auditor has kept.
#include <doctest/doctest.h>

#include <algorithm>

#include "lib/log/files/cursor.hpp"
#include "lib/log/seal/audit.hpp"
#include "lib/log/seal/text.hpp"
#include "tests/support/mode.hpp"
#include "tests/support/sealed_log.hpp"
#include "tests/unit/log/support.hpp"

using namespace log_test;
using namespace shmring::test;

namespace {

constexpr u64 line_count = 330, kept_size = 200, last_note = 240;  // sizes that somebody else has, and of the last key's note

// A log, what an auditor has of it, and how it was before each change.
class Scene {
 public:
  explicit Scene(u64 per_file)
      : log_(dir_.path(), {.lines = line_count, .per_file = per_file, .before = 9, .sign_every = 40, .epoch_every = 120}) {
    fs::copy(dir_.path(), before_.log(), fs::copy_options::recursive);
    const std::string keys = log_.keys();
    TextReader lines(keys);
    for (std::string_view line; lines.line(line);) REQUIRE(parse_verifier_key(line, request_.keys.emplace_back()));
    Anchor kept{{}, "kept", true, 0};
    Mistake mistake{};
    std::string all;
    for (const std::string& file : log_.files())
      if (file != log_.files()[0]) all += content(path(file + ".checkpoints"));
    std::string_view notes = all;
    while (kept.is.checkpoint.size != kept_size) {
      REQUIRE(take_note(notes, kept.is.note));
      REQUIRE(parse_signed_checkpoint(text_of(kept.is.note), kept.is, mistake));
    }
    request_.given.push_back(kept);
  }

  void restore() {
    for (const auto& entry : fs::directory_iterator(dir_.path())) fs::remove_all(entry);
    fs::copy(before_.log(), dir_.path(), fs::copy_options::recursive);
  }

  // Whether the log as it lies passes.
  bool passes(Audit& audit) const {
    Verdict verdict;
    return shmring::log::audit(dir_.path(), request_, verdict, audit) == 0 && verdict.proven && audit.holds;
  }

  // Whether so many sealed lines are those that were written.
  bool has_first(u64 lines) const {
    Cursor log;
    LogLine line{};
    if (log.open(dir_.path()) != 0 || log.seek(9) != 0) return false;
    for (u64 leaf = 0; leaf < lines; ++leaf)
      if (log.next(line) != 1 || std::string(line.text) + "\n" != log_.lines()[leaf]) return false;
    return true;
  }

  const SealedLog& log() const { return log_; }
  fs::path path(const std::string& name) const { return fs::path(dir_.path()) / name; }

 private:
  Directory dir_, before_;
  SealedLog log_;
  AuditRequest request_;
};

std::string any_name(const Scene& scene, std::mt19937_64& random) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(scene.path("")))
    if (entry.is_regular_file()) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names[below(random, names.size())];
}

void change_bytes(std::string& text, std::mt19937_64& random) {
  const u64 at = below(random, text.size()), count = std::min<u64>(1 + below(random, 4), text.size() - at);
  switch (below(random, 5)) {
    case 0: text[at] = static_cast<char>(text[at] ^ (1 << below(random, 8))); break;
    case 1: text[at] = "0123456789aA\"\n,x"[below(random, 16)]; break;
    case 2: text.erase(at, count); break;
    case 3: text.insert(at, text.substr(below(random, text.size()), count)); break;
    default: text.resize(at); break;
  }
}

void change_lines(std::string& text, std::mt19937_64& random) {
  std::vector<std::string> lines = split_lines(text);
  const auto any = [&] { return static_cast<std::ptrdiff_t>(below(random, lines.size())); };
  const auto a = any(), b = any();
  switch (below(random, 5)) {
    case 0: lines.erase(lines.begin() + a); break;
    case 1: std::swap(lines[static_cast<std::size_t>(a)], lines[static_cast<std::size_t>(b)]); break;
    case 2: lines.insert(lines.begin() + a, lines[static_cast<std::size_t>(b)]); break;
    case 3: lines.resize(static_cast<std::size_t>(a)); break;
    default: {  // so that nothing but the seal shows it
      std::string& line = lines[static_cast<std::size_t>(a)];
      if (const std::size_t at = line.find("xxxx"); at != line.npos) line[at + below(random, 4)] = 'y';
    }
  }
  text.clear();
  for (const std::string& line : lines) text += line + "\n";
}

// Somebody without keys changes one file, or what files there are.
void change(const Scene& scene, std::mt19937_64& random) {
  const fs::path path = scene.path(any_name(scene, random)), other = scene.path(any_name(scene, random));
  std::string text = content(path);
  switch (text.empty() ? 9 : below(random, 10)) {
    case 0: fs::remove(path); break;
    case 1: put_content(path, content(other)); break;
    case 2: put_content(path, text + content(other)); break;
    case 3:
    case 4:
    case 5:
      change_bytes(text, random);
      put_content(path, text);
      break;
    case 6:
    case 7:
    case 8:
      change_lines(text, random);
      put_content(path, text);
      break;
    default: fs::rename(path, other); break;
  }
}

// Somebody with the log's key and that of the present epoch changes one line and signs all of it again.
void rewrite(const Scene& scene, u64 leaf) {
  Digest digest;
  std::vector<Hash> leaves;
  for (u64 i = 0; i < line_count; ++i) {
    std::string line = scene.log().lines()[i];
    const std::size_t at = line.find("xxxx");
    if (i == leaf && at != line.npos) line[at] = 'y';
    leaves.push_back(digest.leaf(line));
  }
  const std::string& file = scene.log().files()[1];
  std::string text = content(scene.path(file)), old = scene.log().lines()[leaf], changed = old;
  if (const std::size_t at = changed.find("xxxx"); at != changed.npos) changed[at] = 'y';
  put_content(scene.path(file), text.replace(text.find(old), old.size(), changed));
  for (const auto& entry : fs::directory_iterator(scene.path("")))
    if (entry.path().extension() == ".checkpoints") fs::remove(entry);
  const Hash root = root_of(digest, frontier_of(digest, leaves));
  put_content(scene.path("checkpoint"), scene.log().sign({scene.log().origin(), line_count, root}));
}

}  // namespace

TEST_CASE("whatever is changed in a sealed log is found, or lies behind what is said to be signed") {
  std::mt19937_64 random = seeded(1);
  Scene scene(100);
  Audit audit;
  REQUIRE(scene.passes(audit));
  u64 found = 0, outside = 0;
  const u64 rounds = part_of(by_mode<u64>(300, 2000, 10000));
  for (u64 round = 0; round < rounds; ++round) {
    const u64 steps = 1 + below(random, 3);
    for (u64 step = 0; step < steps; ++step) change(scene, random);
    CAPTURE(round);
    if (!scene.passes(audit)) {
      ++found;
    } else {
      ++outside;
      CHECK(audit.signed_lines >= kept_size);
      CHECK(scene.has_first(audit.signed_lines));
    }
    scene.restore();
    if (round % 16 == 0) REQUIRE(scene.passes(audit));
  }
  CHECK(found > rounds / 3);
  CHECK(outside > 0);
  report("%llu changes of a sealed log: %llu found, %llu outside of what is signed", static_cast<unsigned long long>(rounds),
         static_cast<unsigned long long>(found), static_cast<unsigned long long>(outside));
}

TEST_CASE("who has the keys rewrites only what is behind the last epoch and the checkpoint that somebody has kept") {
  std::mt19937_64 random = seeded(2);
  Scene scene(1000);
  Audit audit;
  for (u64 round = 0; round < by_mode<u64>(40, 100, 300); ++round) {
    u64 leaf = below(random, line_count);
    while (scene.log().lines()[leaf].find("xxxx") == std::string::npos) leaf = below(random, line_count);
    rewrite(scene, leaf);
    CAPTURE(leaf);
    CHECK(scene.passes(audit) == (leaf >= std::max(kept_size, last_note)));
    scene.restore();
  }
}
