// Proofs that are made of a log's directory.
//
// Invariant: a proof that is returned was checked with the root that the checkpoint has. If tiles lead to another root, it is
// computed from the lines alone.
#pragma once

#include <string>
#include <vector>

#include "lib/log/seal/checkpoint.hpp"
#include "lib/log/seal/proof.hpp"

namespace shmring::log {

// They return 0, or −errno with its text: −ENOENT if the log is not sealed, if a line is not there, or not below the
// checkpoint; −EBADMSG if the log does not lead to the checkpoint's root. `index` is a line's own, and `from` the size of a
// smaller tree.
int prove_line(const std::string& dir, u64 index, const SignedCheckpoint& signed_one, LineProof& out);
int prove_growth(const std::string& dir, u64 from, const SignedCheckpoint& signed_one, std::vector<Hash>& out);

}  // namespace shmring::log
