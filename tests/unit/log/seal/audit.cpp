// A sealed log as a whole: what was changed, cut off or signed twice is found, and named; what was not is not.
#include "lib/log/seal/audit.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "lib/log/seal/conviction.hpp"
#include "lib/log/seal/proof.hpp"
#include "lib/log/seal/tree.hpp"
#include "tests/unit/log/seal/judged.hpp"

using namespace seal_test;

TEST_CASE("a sealed log holds, and the verdict says from where, through where, and what is not signed yet") {
  for (const u64 before : {0, 40}) {
    const Directory dir;
    const SealedLog log(dir.path(), {.lines = 1000, .per_file = 300, .before = before, .sign_every = 70, .epoch_every = 350});
    const Judged is = judge(dir.path(), with_keys(log));
    REQUIRE(is.error == 0);
    CHECK(is.verdict.proven);
    CHECK(is.verdict.sealed);
    REQUIRE(is.audit.holds);
    CHECK(is.audit.origin == log.origin());
    CHECK(is.audit.base == before);
    CHECK(is.audit.signed_lines == 980);
    CHECK(is.audit.unsigned_lines == 20);
    CHECK(is.audit.epochs == 3);
    CHECK(is.audit.compared == 14 + 2);
    CHECK(is.audit.ignored + is.audit.not_compared == 0);
    CHECK(is.audit.signed_at.size() == 30);
    CHECK(is.audit.unsigned_since > is.audit.signed_at);
  }
}

TEST_CASE("it is the same with any number of threads, and with one key of the first epoch alone") {
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 1000, .per_file = 90, .sign_every = 37});
  AuditRequest request = with_keys(log);
  for (const unsigned threads : {0u, 1u, 5u}) {
    request.threads = threads;
    const Judged is = judge(dir.path(), request);
    CHECK(is.holds());
    CHECK(is.audit.compared == 27);
  }
  request.keys.erase(request.keys.begin());
  CHECK(judge(dir.path(), request).holds());
  request.keys.clear();
  CHECK_FALSE(judge(dir.path(), request).holds());
  request.keys.push_back(SecretKey::make(epoch_name(log.origin(), 0)).verifier());
  const Judged is = judge(dir.path(), request);
  CHECK(is.verdict.proven);
  CHECK(is.audit.found.find("another one than the given") != std::string::npos);
}

TEST_CASE("it is the same in whatever shares the files are hashed, and a line that lies about its index is found in all") {
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 600, .per_file = 250, .before = 20, .sign_every = 37});
  AuditRequest request = with_keys(log);
  request.threads = 2;
  const std::string path = file_of(dir, log, 1), before = content(path);
  const std::size_t middle = before.find('\n', before.size() / 2) + 1;
  std::string lying = before;
  const std::size_t digit = lying.find("\"index\":", middle) + 8;
  lying[digit] = lying[digit] == '9' ? '1' : '9';
  const u64 compared = judge(dir.path(), request).audit.compared;
  CHECK(compared > 10);
  put_content(path, lying);
  const Judged whole = judge(dir.path(), request);
  CHECK_FALSE(whole.audit.holds);
  for (const u64 bytes : {u64{1}, u64{100}, u64{777}, u64{middle}, u64{middle - 1}, u64{middle + 1}}) {
    CAPTURE(bytes);
    request.share_bytes = bytes;
    put_content(path, before);
    const Judged is = judge(dir.path(), request);
    CHECK(is.holds());
    CHECK(is.audit.compared == compared);
    CHECK(is.audit.signed_lines + is.audit.unsigned_lines == 600);
    put_content(path, lying);
    const Judged changed = judge(dir.path(), request);
    CHECK_FALSE(changed.verdict.proven);
    CHECK_FALSE(changed.audit.holds);
    CHECK(changed.audit.file == log.files()[1]);
    CHECK(changed.audit.first_index == whole.audit.first_index);
    CHECK(changed.audit.last_index == whole.audit.last_index);
    CHECK(changed.audit.expected == whole.audit.expected);
    CHECK(changed.audit.found == whole.audit.found);
  }
}

TEST_CASE("any byte of a signed line that is changed is found within 256 lines by the tiles, and its line by a copy") {
  const Directory dir, copy;
  const SealedLog log(dir.path(), {.lines = 2000, .per_file = 600, .sign_every = 640});
  copy_log(dir.path(), copy.path());
  AuditRequest request = with_keys(log);
  std::mt19937 random(1);
  for (int round = 0; round < 60; ++round) {
    const u64 line = random() % 1920;
    const std::size_t file = static_cast<std::size_t>(line / 600);
    const std::string before = content(file_of(dir, log, file));
    const std::size_t at = before.find("\"data\":\"" + std::to_string(line) + "x");
    if (at == before.npos) continue;  // not an event
    std::string changed = before;
    changed[at + 8 + std::to_string(line).size()] = 'y';
    put_content(file_of(dir, log, file), changed);
    request.against = "";
    Judged is = judge(dir.path(), request);
    CAPTURE(line);
    CHECK(is.verdict.proven);  // without a seal nobody would notice
    CHECK_FALSE(is.audit.holds);
    CHECK((is.audit.first_index <= line && line <= is.audit.last_index));
    CHECK(is.audit.last_index - is.audit.first_index < (line < 1792 ? 256 : 640));
    CHECK(is.audit.file == log.files()[static_cast<std::size_t>(is.audit.first_index / 600)]);
    request.against = copy.path();
    is = judge(dir.path(), request);
    CHECK(is.audit.first_index == line);
    CHECK(is.audit.last_index == line);
    CHECK(is.audit.first_line == line % 600 + 1);
    CHECK(is.audit.line_found.find("xy") == is.audit.line_found.npos);
    CHECK(is.audit.line_expected != is.audit.line_found);
    put_content(file_of(dir, log, file), before);
  }
  CHECK(judge(dir.path(), request).holds());
}

TEST_CASE(
    "where the hash of each line is kept, the line is named without a copy, and no hash is believed that was changed, too") {
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 2000, .per_file = 600, .sign_every = 640, .leaves = true});
  const AuditRequest request = with_keys(log);
  CHECK(judge(dir.path(), request).holds());
  for (const u64 line : {2, 255, 256, 599, 1000, 1791}) {
    CAPTURE(line);
    const fs::path file = file_of(dir, log, static_cast<std::size_t>(line / 600));
    const std::string before = content(file), data = "\"data\":\"" + std::to_string(line);
    std::string changed = before;
    changed[before.find(data + "x") + data.size()] = 'y';
    put_content(file, changed);
    Judged is = judge(dir.path(), request);
    CHECK_FALSE(is.audit.holds);
    CHECK((is.audit.first_index == line && is.audit.last_index == line));
    const fs::path tile = dir.path() + "/tile/0/00" + std::to_string(line / 256);
    const std::string hashes = content(tile);
    std::string other = hashes;
    other[(line % 256 ^ 1) * 32] ^= 1;  // of its neighbour
    put_content(tile, other);
    is = judge(dir.path(), request);
    CHECK((is.audit.first_index <= line && line <= is.audit.last_index));
    CHECK(is.audit.last_index - is.audit.first_index > 0);
    put_content(tile, hashes);
    put_content(file, before);
  }
}

TEST_CASE("a log that was cut below a checkpoint that somebody kept is found; the cut alone is not, which is said") {
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 1000, .per_file = 300, .sign_every = 100});
  AuditRequest request = with_keys(log);
  const std::string newest = log.sign({log.origin(), 1000, log.root_at(1000)});
  for (const fs::path& file : {file_of(dir, log, 3), fs::path(file_of(dir, log, 3).string() + ".checkpoints")})
    fs::remove(file);
  Judged is = judge(dir.path(), request);
  CHECK_FALSE(is.audit.holds);  // DIR/checkpoint is still there
  CHECK(is.audit.found == "the last line has index 899");
  fs::remove(fs::path(dir.path()) / "checkpoint");
  is = judge(dir.path(), request);
  CHECK(is.holds());
  CHECK(is.audit.signed_lines == 900);
  request.given.push_back(given(newest));
  is = judge(dir.path(), request);
  CHECK_FALSE(is.audit.holds);
  CHECK((is.audit.first_index == 900 && is.audit.last_index == 999));
}

TEST_CASE("who rewrites a log and signs it again is convicted by a checkpoint that was kept, and by the two notes alone") {
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 1000, .per_file = 1000, .sign_every = 2000});
  AuditRequest request = with_keys(log);
  std::string text = content(file_of(dir, log, 0));
  for (const u64 kept : {1, 256, 511, 700, 1000}) {
    CAPTURE(kept);
    const std::string old_note = log.sign({log.origin(), kept, log.root_at(kept)});
    // The whole log is rewritten by whoever has its keys, and signed.
    Digest digest;
    std::string rewritten = text;
    rewritten.replace(rewritten.find("\"time\":\"2026"), 12, "\"time\":\"2025");
    put_content(file_of(dir, log, 0), rewritten);
    std::vector<Hash> leaves;
    for (const std::string& line : split_lines(rewritten)) leaves.push_back(digest.leaf(line + "\n"));
    const std::string note = log.sign({log.origin(), 1000, root_of(digest, frontier_of(digest, leaves))});
    put_content(fs::path(dir.path()) / "checkpoint", note);
    request.given.clear();
    CHECK(judge(dir.path(), request).holds());  // what a seal cannot show
    request.given.push_back(given(old_note));
    const Judged is = judge(dir.path(), request);
    CHECK(is.verdict.proven);
    CHECK_FALSE(is.audit.holds);
    Conviction conviction;
    Mistake mistake{};
    std::string why;
    REQUIRE(parse_conviction(is.audit.conviction, conviction, mistake));
    CHECK(contradicts(digest, conviction, why));
    CHECK(check(conviction.smaller, log.log_key().verifier()) == Trust::good);
    CHECK(check(conviction.larger, log.log_key().verifier()) == Trust::good);
    CHECK(text_of(conviction) == is.audit.conviction);
    for (std::size_t at = 0; at < is.audit.conviction.size(); at += 7) {
      std::string changed = is.audit.conviction;
      changed[at] = changed[at] == 'A' ? 'B' : 'A';
      Conviction other;
      if (!parse_conviction(changed, other, mistake) || !contradicts(digest, other, why)) continue;
      const bool is_signed = check(other.smaller, log.log_key().verifier()) == Trust::good &&
                             check(other.larger, log.log_key().verifier()) == Trust::good;
      // Of the signatures of the epoch's key nothing was looked at here.
      CHECK((!is_signed || (other.smaller.text == conviction.smaller.text && other.larger.text == conviction.larger.text)));
    }
  }
}

TEST_CASE("two honest checkpoints convict nobody") {
  Digest digest;
  std::string why;
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 50, .per_file = 50, .sign_every = 100});
  for (const u64 from : {0, 1, 20, 32, 50}) {
    SignedNote smaller{log.sign({log.origin(), from, log.root_at(from)}), {}}, larger;
    Mistake mistake{};
    REQUIRE(parse_note(log.sign({log.origin(), from, log.root_at(from)}), smaller, mistake));
    REQUIRE(parse_note(log.sign({log.origin(), 50, log.root_at(50)}), larger, mistake));
    CHECK_FALSE(contradicts(digest, {smaller, larger, {}}, why));
    std::vector<Hash> proof(consistency_path(from, 50, true).size(), digest.empty());
    CHECK_FALSE(contradicts(digest, {smaller, larger, proof}, why));
    CHECK_FALSE(contradicts(digest, {larger, smaller, {}}, why));
  }
}

TEST_CASE("notes that nobody has signed are left aside, and a given one is refused") {
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 500, .per_file = 300, .sign_every = 100});
  AuditRequest request = with_keys(log);
  const SecretKey stranger = SecretKey::make(log.origin());
  SignedNote forged{text_of(Checkpoint{log.origin(), 450, Hash{}}), {}};
  forged.signatures.push_back(stranger.sign(forged.text));
  put_content(fs::path(dir.path()) / (log.files()[1] + ".checkpoints"),
              content(fs::path(dir.path()) / (log.files()[1] + ".checkpoints")) + text_of(forged) + "\ntorn");
  const Judged is = judge(dir.path(), request);
  CHECK(is.holds());
  CHECK(is.audit.ignored == 1);
  request.given.push_back(given(text_of(forged)));
  CHECK_FALSE(judge(dir.path(), request).audit.holds);
  SignedNote right{text_of(Checkpoint{log.origin(), 450, log.root_at(450)}), {}};
  right.signatures.push_back(stranger.sign(right.text));
  request.given = {given(text_of(right))};
  CHECK_FALSE(judge(dir.path(), request).audit.holds);
  request.given = {given(log.sign({"shmring/other/1", 100, log.root_at(100)}))};
  CHECK(judge(dir.path(), request).audit.found.find("it is of the log shmring/other/1") != std::string::npos);
}

TEST_CASE("a chain of keys is not believed beyond the first note that does not fit") {
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 1000, .per_file = 1000, .sign_every = 100, .epoch_every = 250});
  const fs::path keys = fs::path(dir.path()) / "keys";
  const std::string text = content(keys);
  for (std::size_t at = 0; at < text.size(); at += 11) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    put_content(keys, changed);
    // The signatures of the first note by the log's own key says nothing that the given key does not.
    const Judged is = judge(dir.path(), with_keys(log));
    CAPTURE(at);
    CHECK((is.error != 0 || !is.audit.holds || is.audit.epochs == 5));
  }
  fs::remove(keys);
  CHECK(judge(dir.path(), with_keys(log)).audit.found == "the file `keys` is missing");
}

TEST_CASE("the key of an epoch that is over signs nothing that came later, whoever has it by now") {
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 1000, .per_file = 1000, .sign_every = 1000, .epoch_every = 400});
  AuditRequest request = with_keys(log);
  for (const u64 size : {300, 400, 401, 900}) {
    SignedNote note{text_of(Checkpoint{log.origin(), size, log.root_at(size)}), {}};
    note.signatures = {log.log_key().sign(note.text), log.genesis_key().sign(note.text)};
    request.given = {given(text_of(note))};
    CAPTURE(size);
    CHECK(judge(dir.path(), request).audit.holds == (size <= 400));
  }
}

TEST_CASE("a file whose first line has another tree than the lines before it is found, also where nothing is signed yet") {
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 1000, .per_file = 300, .sign_every = 800});
  std::string text = content(file_of(dir, log, 3));
  const std::size_t at = text.find("\"hashes\":[\"") + 15;
  text[at] = text[at] == 'A' ? 'B' : 'A';
  put_content(file_of(dir, log, 3), text);
  const Judged is = judge(dir.path(), with_keys(log));
  CHECK(is.verdict.proven);
  CHECK_FALSE(is.audit.holds);
  CHECK(is.audit.file == log.files()[3]);
  CHECK(is.audit.first_line == 1);
}

TEST_CASE("files that no longer say what tree they are of are not taken for removed ones") {
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 1000, .per_file = 300, .sign_every = 100});
  for (std::size_t file = 0; file < 3; ++file) {
    std::string text = content(file_of(dir, log, file));
    const std::size_t from = text.find(",\"tree\":{"), to = text.find('}', from) + 1;
    REQUIRE(from != text.npos);
    put_content(file_of(dir, log, file), text.erase(from, to - from));
  }
  const Judged is = judge(dir.path(), with_keys(log));
  REQUIRE(is.error == 0);
  CHECK(is.verdict.proven);
  CHECK_FALSE(is.audit.holds);
  CHECK(is.audit.file == log.files()[0]);
}

TEST_CASE("what is left of a log whose first files were removed is compared, and an old checkpoint where tiles are left") {
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 1500, .per_file = 300, .sign_every = 100});
  for (std::size_t file = 0; file < 2; ++file) fs::remove(file_of(dir, log, file));
  AuditRequest request = with_keys(log);
  request.given = {given(log.sign({log.origin(), 512, log.root_at(512)}))};
  Judged is = judge(dir.path(), request);
  REQUIRE(is.error == 0);
  CHECK(is.audit.holds);
  CHECK(is.audit.first_known == 600);
  CHECK(is.audit.signed_lines == 1500);
  CHECK(is.audit.not_compared == 5);  // the first file that is left begins with the hash of the first 512 lines
  request.given = {given(log.sign({log.origin(), 450, log.root_at(450)}))};
  is = judge(dir.path(), request);
  CHECK(is.audit.holds);
  CHECK(is.audit.not_compared == 5 + 1);  // there is no full tile yet
  request.given = {given(log.sign({log.origin(), 512, log.root_at(511)}))};
  CHECK_FALSE(judge(dir.path(), request).audit.holds);
}

TEST_CASE("two signed roots of as many lines convict, also where the lines were removed") {
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 1500, .per_file = 300, .sign_every = 100});
  for (std::size_t file = 0; file < 2; ++file) fs::remove(file_of(dir, log, file));
  AuditRequest request = with_keys(log);
  request.given = {given(log.sign({log.origin(), 400, log.root_at(400)}))};
  Judged is = judge(dir.path(), request);
  CHECK(is.audit.holds);
  CHECK(is.audit.not_compared == 5 + 1);  // the same was kept, which proves nothing of lines that are gone
  request.given = {given(log.sign({log.origin(), 400, log.root_at(399)}))};
  is = judge(dir.path(), request);
  CHECK_FALSE(is.audit.holds);
  CHECK(is.audit.found == log.files()[1] + ".checkpoints has signed another one");
  Conviction conviction;
  Mistake mistake{};
  std::string why;
  REQUIRE(parse_conviction(is.audit.conviction, conviction, mistake));
  Digest digest;
  CHECK(contradicts(digest, conviction, why));
  // A stranger's note beside the log decides nothing.
  request.given = {};
  SignedNote forged{text_of(Checkpoint{log.origin(), 400, Hash{}}), {}};
  forged.signatures.push_back(SecretKey::make(log.origin()).sign(forged.text));
  const fs::path kept = fs::path(dir.path()) / (log.files()[1] + ".checkpoints");
  put_content(kept, content(kept) + "\n" + text_of(forged));
  is = judge(dir.path(), request);
  CHECK(is.audit.holds);
  CHECK(is.audit.ignored == 1);
  put_content(kept, content(kept) + "\n" + log.sign({log.origin(), 400, log.root_at(399)}));
  CHECK_FALSE(judge(dir.path(), request).audit.holds);
}

TEST_CASE("behind a hole the comparison goes on where a file says how the tree stands") {
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 1500, .per_file = 300, .sign_every = 100});
  fs::remove(file_of(dir, log, 2));
  AuditRequest request = with_keys(log);
  Judged is = judge(dir.path(), request);
  CHECK_FALSE(is.verdict.proven);  // the hole itself
  CHECK(is.audit.holds);
  CHECK(is.audit.signed_lines == 1500);
  CHECK(is.audit.compared == 13);
  CHECK(is.audit.not_compared == 2);
  std::string text = content(file_of(dir, log, 4));
  text[text.size() - 10] = '?';
  put_content(file_of(dir, log, 4), text);
  is = judge(dir.path(), request);
  CHECK_FALSE(is.audit.holds);
  CHECK(is.audit.last_index == 1499);
}
