// Proofs that are made of a log's directory: see log_proof.hpp.
#include "lib/log/seal/log_proof.hpp"

#include <cerrno>
#include <functional>

#include "lib/log/seal/log_nodes.hpp"
#include "lib/os/error.hpp"

namespace shmring::log {
namespace {

// Returns 1 if the proof was made and leads to the root, 0 if it does not lead there, or −errno.
using Attempt = std::function<int(LogNodes& nodes, Digest& digest)>;

int with_and_without_tiles(const std::string& dir, const SignedCheckpoint& signed_one, const Attempt& attempt) {
  Digest digest;
  for (const bool with_tiles : {true, false}) {
    LogNodes nodes(digest);
    if (const int error = nodes.open(dir, with_tiles)) return error;
    const int got = attempt(nodes, digest);
    if (got == 1) return 0;
    if (got < 0 && !with_tiles) return got;
  }
  return os::fail(
      EBADMSG,
      "log %s: it does not lead to the root of the checkpoint of %llu leaves: a line was changed, or the checkpoint is of "
      "another log; `shmring verify --key` says where",
      dir.c_str(), wide(signed_one.checkpoint.size));
}

}  // namespace

int prove_line(const std::string& dir, u64 index, const SignedCheckpoint& signed_one, LineProof& out) {
  const Checkpoint& checkpoint = signed_one.checkpoint;
  return with_and_without_tiles(dir, signed_one, [&](LogNodes& nodes, Digest& digest) {
    if (index < nodes.base() || index - nodes.base() >= checkpoint.size)
      return os::fail(ENOENT, "log %s: the line with index %llu is not below the checkpoint, which has the lines %llu to %llu",
                      dir.c_str(), wide(index), wide(nodes.base()), wide(nodes.base() + checkpoint.size - 1));
    Hash leaf;
    out = {index - nodes.base(), {}, text_of(signed_one.note)};
    if (const int error = nodes.leaf(out.index, leaf)) return error;
    if (const int error = prove(nodes, digest, inclusion_path(out.index, checkpoint.size), out.path)) return error;
    const std::optional<Hash> root = inclusion_root(digest, leaf, out.index, checkpoint.size, out.path);
    return root && *root == checkpoint.root ? 1 : 0;
  });
}

int prove_growth(const std::string& dir, u64 from, const SignedCheckpoint& signed_one, std::vector<Hash>& out) {
  const Checkpoint& checkpoint = signed_one.checkpoint;
  return with_and_without_tiles(dir, signed_one, [&](LogNodes& nodes, Digest& digest) {
    if (from > checkpoint.size)
      return os::fail(ENOENT, "log %s: the checkpoint has %llu leaves, fewer than %llu", dir.c_str(), wide(checkpoint.size),
                      wide(from));
    Hash smaller;
    if (const int error = root_at(nodes, digest, from, smaller)) return error;
    if (const int error = prove(nodes, digest, consistency_path(from, checkpoint.size), out)) return error;
    // From nothing, every tree has grown; but the hashes must be those of this one.
    Hash larger = checkpoint.root;
    if (from == 0)
      if (const int error = root_at(nodes, digest, checkpoint.size, larger)) return error;
    return larger == checkpoint.root && check_consistency(digest, from, smaller, checkpoint.size, checkpoint.root, out) ? 1 : 0;
  });
}

}  // namespace shmring::log
