// Proofs that are made of a log's directory, and the checkpoint that witnesses have signed, which is kept there.
#include "lib/log/seal/log_proof.hpp"

#include <doctest/doctest.h>

#include "lib/log/seal/kept.hpp"
#include "tests/unit/log/seal/judged.hpp"

using namespace seal_test;

TEST_CASE("a line is proven from tiles, from lines alone, and where older lines were removed") {
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 900, .per_file = 290, .before = 7, .sign_every = 850});
  os::Fd directory;
  SignedCheckpoint checkpoint;
  REQUIRE(open_log_directory(dir.path(), directory) == 0);
  REQUIRE(read_checkpoint(directory.get(), dir.path(), "checkpoint", checkpoint) == 0);
  REQUIRE(checkpoint.checkpoint.size == 850);
  Digest digest;
  const auto proves = [&](u64 line) {
    LineProof proof;
    if (prove_line(dir.path(), line + 7, checkpoint, proof) != 0) return false;
    const auto root = inclusion_root(digest, digest.leaf(log.lines()[line]), proof.index, 850, proof.path);
    return root && *root == log.root_at(850);
  };
  for (const u64 line : {0, 1, 255, 256, 289, 290, 600, 848, 849}) CHECK(proves(line));
  CHECK_FALSE(proves(850));
  LineProof proof;
  CHECK(prove_line(dir.path(), 6, checkpoint, proof) == -ENOENT);
  std::vector<Hash> growth;
  for (const u64 from : {0, 1, 512, 700, 850}) {
    REQUIRE(prove_growth(dir.path(), from, checkpoint, growth) == 0);
    CHECK(check_consistency(digest, from, log.root_at(from), 850, log.root_at(850), growth));
  }
  CHECK(prove_growth(dir.path(), 851, checkpoint, growth) == -ENOENT);
  fs::remove(file_of(dir, log, 0));
  fs::remove(file_of(dir, log, 1));
  for (const u64 line : {290, 600, 849}) CHECK(proves(line));
  CHECK_FALSE(proves(289));
}

TEST_CASE("a proof does not believe a tile, and none is made of lines that were changed") {
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 66000, .per_file = 66000, .sign_every = 66000, .payload = 1});
  os::Fd directory;
  SignedCheckpoint checkpoint;
  REQUIRE(open_log_directory(dir.path(), directory) == 0);
  REQUIRE(read_checkpoint(directory.get(), dir.path(), "checkpoint", checkpoint) == 0);
  const fs::path tile = fs::path(dir.path()) / "tile/1/000";
  LineProof with_tile, proof;
  REQUIRE(prove_line(dir.path(), 65999, checkpoint, with_tile) == 0);
  std::string bytes = content(tile);
  REQUIRE(bytes.size() == 8192);
  bytes[5000] ^= 1;
  for (const std::string& bad : {bytes, bytes.substr(0, 100), std::string(), bytes + "x"}) {
    put_content(tile, bad);
    REQUIRE(prove_line(dir.path(), 65999, checkpoint, proof) == 0);
    CHECK(proof.path == with_tile.path);
  }
  std::string text = content(file_of(dir, log, 0));
  text[text.size() - 10] = '?';
  put_content(file_of(dir, log, 0), text);
  CHECK(prove_line(dir.path(), 10, checkpoint, proof) == -EBADMSG);
}

TEST_CASE("what witnesses have signed is kept, the newest, with all signatures") {
  const Directory dir;
  const SealedLog log(dir.path(), {.lines = 300, .per_file = 300, .sign_every = 100});
  os::Fd directory;
  REQUIRE(open_log_directory(dir.path(), directory) == 0);
  SignedCheckpoint one = given(log.sign({log.origin(), 100, log.root_at(100)})).is, two = one, kept;
  SignedCheckpoint later = given(log.sign({log.origin(), 200, log.root_at(200)})).is;
  one.note.signatures.push_back({"witness/1", 1, "a"});
  two.note.signatures.push_back({"witness/2", 2, "b"});
  REQUIRE(keep_cosigned(directory.get(), dir.path(), one, kept) == 0);
  REQUIRE(keep_cosigned(directory.get(), dir.path(), two, kept) == 0);
  CHECK(kept.note.signatures.size() == 4);
  REQUIRE(keep_cosigned(directory.get(), dir.path(), later, kept) == 0);
  CHECK(keep_cosigned(directory.get(), dir.path(), one, kept) == -EEXIST);
  SignedCheckpoint read;
  REQUIRE(read_checkpoint(directory.get(), dir.path(), cosigned_name, read) == 0);
  CHECK(text_of(read.note) == text_of(later.note));
}
