// Tiles that a power cut has torn: they are a cache. What a start hashes again, it writes again; what is computed from a log
// does not ask whether they are there.
#include <doctest/doctest.h>

#include "lib/log/seal/log_proof.hpp"
#include "lib/log/seal/tile.hpp"
#include "tests/unit/log/seal/sealed_log.hpp"

using namespace log_test;

namespace {

constexpr u64 tile_lines = 65'536;  // under a full tile of level 1

void write_many(SealedLog& log, u64 until) {
  std::vector<Line> lines;
  while (log.log->committed().index < until) {
    lines.clear();
    for (int i = 0; i < 2'000; ++i) log.ledger.apply(lines.emplace_back(event("pay", 10, ++log.sequence, "x")));
    log.log->append(lines, RingId{});
    if (log.log->accounts_are_due()) log.log->append(log.accounts());
    log.turn();
  }
}

void tear(const fs::path& file) {
  REQUIRE(fs::exists(file));
  fs::resize_file(file, fs::file_size(file) / 2);
}

void check_a_proof(const SealedLog& log) {
  SignedCheckpoint checkpoint;
  Mistake mistake{};
  LineProof proof;
  REQUIRE(parse_signed_checkpoint(content(log.dir.log() + "/checkpoint"), checkpoint, mistake));
  CHECK(prove_line(log.dir.log(), 12'345, checkpoint, proof) == 0);
}

}  // namespace

TEST_CASE("the hashes of the lines are kept, if that is asked for, over new files and starts in the middle of a tile") {
  SealedLog log;
  log.seal.leaves = true;
  for (int start = 0; start < 3; ++start) {
    REQUIRE(log.begin() == 0);
    log.write(150);
    log.rotate();
    log.write(150);
    log.finish();
    log.kill();
  }
  Digest digest;
  const std::vector<std::string> lines = log.lines();
  REQUIRE(lines.size() > 3 * 256);
  for (std::size_t tile = 0; tile < 3; ++tile) {
    std::vector<Hash> hashes;
    REQUIRE(parse_tile(content(log.dir.log() + "/" + tile_path(0, tile)), 256, hashes));
    for (std::size_t i = 0; i < 256; ++i) CHECK(hashes[i] == digest.leaf(lines[tile * 256 + i]));
  }
}

TEST_CASE("18: tiles that are torn are written again as they were, or passed over where their row is torn, too") {
  SealedLog log;
  REQUIRE(log.begin() == 0);
  write_many(log, 40'000);
  log.rotate();
  write_many(log, tile_lines + 1'000);
  log.finish();
  const fs::path tile = log.dir.log() + "/tile/1/000";
  const std::string whole = content(tile);
  Digest digest;
  std::vector<Hash> hashes;
  REQUIRE(parse_tile(whole, 256, hashes));
  const std::vector<std::string> lines = log.lines();
  for (const std::size_t at : {0, 100, 255})
    CHECK(hashes[at] == root_by_definition(digest, std::span(lines).subspan(at * 256, 256)));
  check_a_proof(log);

  fs::path row;
  for (const auto& entry : fs::directory_iterator(log.dir.log() + "/tile/1/000.p")) row = entry.path();
  const std::string row_bytes = content(row);
  for (const bool is_row_torn : {false, true}) {
    log.kill();
    tear(tile);
    if (is_row_torn) tear(row);
    REQUIRE(log.begin() == 0);
    log.write();
    log.finish();
    CHECK((content(tile) == whole) == !is_row_torn);
    check_a_proof(log);
  }
  log.kill();
  put_content(row, row_bytes);
  REQUIRE(log.begin() == 0);
  log.write();
  CHECK(content(tile) == whole);
}
