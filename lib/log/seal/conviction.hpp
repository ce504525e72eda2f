// Two notes of one log that contradict each other, as a text that anybody can check who has the log's keys, without the log.
//
//   shmring conviction v1
//   proof <number of hashes>                 then these hashes, a line each
//   note <bytes>                             then so many bytes: the note of the smaller tree
//   note <bytes>                             and that of the larger one
//
// The proof is an explicit one (proof.hpp): from its hashes the larger tree's signed root follows, and for the smaller tree's
// size another root than the signed one. If both trees have one size, there is no proof, and the roots differ.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "lib/log/seal/checkpoint.hpp"
#include "lib/log/seal/hash.hpp"

namespace shmring::log {

struct Conviction {
  SignedNote smaller, larger;
  std::vector<Hash> proof;
};

std::string text_of(const Conviction& conviction);
bool parse_conviction(std::string_view text, Conviction& out, Mistake& mistake);

// What a note says of a tree, be it a checkpoint or the note of a key. Returns false if it says nothing.
bool tree_of(const SignedNote& note, Checkpoint& out);

// Returns whether the notes contradict each other, whoever has signed them. `why` says how, or why not.
bool contradicts(Digest& digest, const Conviction& conviction, std::string& why);

}  // namespace shmring::log
