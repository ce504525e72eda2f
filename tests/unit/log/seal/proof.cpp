// Proofs: each one made is accepted, and none that was changed.
#include "lib/log/seal/proof.hpp"

#include <doctest/doctest.h>

#include "tests/unit/log/seal/leaves.hpp"

using namespace seal_test;

namespace {

constexpr u64 most = 40;

bool includes(Digest& digest, const Hash& leaf, u64 index, u64 size, std::span<const Hash> proof, const Hash& root) {
  const std::optional<Hash> found = inclusion_root(digest, leaf, index, size, proof);
  return found && *found == root;
}

// The proof with each bit changed, each hash left out, and one more at its end.
template <class Check>
void mangle(const std::vector<Hash>& proof, const Check& refused) {
  for (std::size_t hash = 0; hash < proof.size(); ++hash) {
    std::vector<Hash> changed = proof;
    changed[hash][hash % sizeof(Hash)] ^= static_cast<u8>(1 << hash % 8);
    refused(changed);
    changed = proof;
    changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(hash));
    refused(changed);
  }
  std::vector<Hash> longer = proof;
  longer.push_back(Hash{});
  refused(longer);
  longer.insert(longer.end(), 100, Hash{});
  refused(longer);
}

}  // namespace

TEST_CASE("every line is proven in every tree, with one look at the nodes, and in no other place") {
  Digest digest;
  MemoryNodes nodes(digest, make_leaves(digest, most));
  for (u64 size = 1; size <= most; ++size) {
    const Hash root = defined_root(digest, std::span(nodes.leaves).first(size));
    Hash computed{};
    REQUIRE(root_at(nodes, digest, size, computed) == 0);
    CHECK(computed == root);
    for (u64 index = 0; index < size; ++index) {
      CAPTURE(size);
      CAPTURE(index);
      std::vector<Hash> proof;
      nodes.calls = 0;
      REQUIRE(prove(nodes, digest, inclusion_path(index, size), proof) == 0);
      CHECK(nodes.calls == 1);
      const Hash& leaf = nodes.leaves[index];
      CHECK(includes(digest, leaf, index, size, proof, root));
      for (u64 other = 0; other <= size; ++other)
        if (other != index) CHECK_FALSE(includes(digest, leaf, other, size, proof, root));
      CHECK_FALSE(includes(digest, nodes.leaves[index == 0 ? most - 1 : 0], index, size, proof, root));
      mangle(proof, [&](const std::vector<Hash>& changed) { CHECK_FALSE(includes(digest, leaf, index, size, changed, root)); });
    }
  }
}

TEST_CASE("every smaller tree is proven to begin every larger one; another root, size or proof is refused") {
  Digest digest;
  MemoryNodes nodes(digest, make_leaves(digest, most));
  const auto root = [&](u64 size) { return defined_root(digest, std::span(nodes.leaves).first(size)); };
  for (u64 size = 1; size <= most; ++size) {
    for (u64 from = 0; from <= size; ++from) {
      CAPTURE(size);
      CAPTURE(from);
      std::vector<Hash> proof;
      REQUIRE(prove(nodes, digest, consistency_path(from, size), proof) == 0);
      const auto accepts = [&](u64 a, const Hash& smaller, u64 b, const Hash& larger, const std::vector<Hash>& with) {
        return check_consistency(digest, a, smaller, b, larger, with);
      };
      CHECK(accepts(from, root(from), size, root(size), proof));
      CHECK_FALSE(accepts(from, Hash{}, size, root(size), proof));
      if (from > 0) CHECK_FALSE(accepts(from, root(from), size, Hash{}, proof));
      CHECK_FALSE(accepts(size + 1, root(from), size, root(size), proof));
      if (from == 0 || from == size) CHECK(proof.empty());
      mangle(proof,
             [&](const std::vector<Hash>& changed) { CHECK_FALSE(accepts(from, root(from), size, root(size), changed)); });
    }
  }
}

TEST_CASE("from an explicit proof alone both roots follow") {
  Digest digest;
  MemoryNodes nodes(digest, make_leaves(digest, most));
  const auto root = [&](u64 size) { return defined_root(digest, std::span(nodes.leaves).first(size)); };
  for (u64 size = 2; size <= most; ++size) {
    for (u64 from = 1; from < size; ++from) {
      std::vector<Hash> proof;
      REQUIRE(prove(nodes, digest, consistency_path(from, size, true), proof) == 0);
      const std::optional<Roots> roots = consistency_roots(digest, from, size, proof);
      REQUIRE(roots.has_value());
      CHECK(roots->smaller == root(from));
      CHECK(roots->larger == root(size));
      proof.pop_back();
      CHECK_FALSE(consistency_roots(digest, from, size, proof).has_value());
    }
  }
  CHECK_FALSE(consistency_roots(digest, 0, 5, nodes.leaves).has_value());
  CHECK_FALSE(consistency_roots(digest, 5, 5, nodes.leaves).has_value());
}

TEST_CASE("a tree of 2^63 − 1 leaves takes no longer than its proof") {
  Digest digest;
  constexpr u64 size = ~u64{0} >> 1;
  CHECK(inclusion_path(size - 1, size).size() == 62);
  CHECK(inclusion_path(0, size).size() == 63);
  const std::vector<Hash> proof(63);
  CHECK(inclusion_root(digest, Hash{}, 0, size, proof).has_value());
  CHECK_FALSE(inclusion_root(digest, Hash{}, 0, size, std::vector<Hash>(64)).has_value());
  CHECK_FALSE(inclusion_root(digest, Hash{}, 0, size, std::vector<Hash>(62)).has_value());
  CHECK_FALSE(inclusion_root(digest, Hash{}, 0, 0, {}).has_value());
}

TEST_CASE("a line's proof has the text of tlog-proof, and nothing else is read as one") {
  Digest digest;
  const LineProof proof{73894, make_leaves(digest, 2), "origin\n5\nroot\n\n— origin AAAA\n"};
  const std::string text = text_of(proof);
  CHECK(text.starts_with("c2sp.org/tlog-proof@v1\nindex 73894\n"));
  CHECK(text.ends_with("=\n\norigin\n5\nroot\n\n— origin AAAA\n"));
  LineProof read;
  Mistake mistake{};
  REQUIRE(parse_line_proof(text, read, mistake));
  CHECK(read.index == proof.index);
  CHECK(read.path == proof.path);
  CHECK(read.checkpoint == proof.checkpoint);

  const std::string head = "c2sp.org/tlog-proof@v1\n";
  CHECK(parse_line_proof(head + "extra eHl6\nindex 0\n\ncheckpoint", read, mistake));
  CHECK(read.path.empty());
  for (const char* bad : {"", "extra x\nindex 5\n\n", "extra eHl6\n\n", "index 05\n\n", "index +5\n\n", "index 5", "index 5\n",
                          "index 5\nAAAA\n\n", "index 9223372036854775808\n\n", "index -1\n\n", "index 5 \n\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_line_proof(head + bad, read, mistake));
    CHECK_FALSE(mistake.expected.empty());
  }
  CHECK_FALSE(parse_line_proof("c2sp.org/tlog-proof@v2\nindex 5\n\n", read, mistake));
  std::string long_path = head + "index 5\n";
  for (int i = 0; i < 64; ++i) long_path += std::string(43, 'A') + "=\n";
  CHECK_FALSE(parse_line_proof(long_path + "\n", read, mistake));
  CHECK(mistake.expected == "at most 63 hashes");
}

TEST_CASE("a witness is asked with the old size, the proof, and the checkpoint behind an empty line") {
  Digest digest;
  CHECK(witness_request(0, {}, "origin\n") == "old 0\n\norigin\n");
  CHECK(witness_request(12, make_leaves(digest, 1), "origin\n").starts_with("old 12\n"));
  CHECK(witness_request(12, make_leaves(digest, 1), "origin\n").ends_with("=\n\norigin\n"));
}
