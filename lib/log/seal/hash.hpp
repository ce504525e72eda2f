// The hashes of a log's Merkle tree (RFC 6962, section 2.1): SHA-256 by OpenSSL.
//
// Invariant: a leaf and a node never have the same input, since the first byte of what is hashed says which of them it is.
// Thread role: one thread a Digest. It has one context of OpenSSL, which is made once, because making one costs more than a
// short line's hash.
#pragma once

#include <memory>
#include <string_view>

#include "lib/log/format/frontier.hpp"

struct evp_md_st;
struct evp_md_ctx_st;

namespace shmring::log {

class Digest {
 public:
  // Throws std::runtime_error if OpenSSL has no SHA-256 here, or no memory.
  Digest();

  Hash leaf(std::string_view line);  // with its newline
  Hash node(const Hash& left, const Hash& right);
  Hash empty() { return of({}); }  // of a tree without leaves
  Hash of(std::string_view bytes);
  // The same of what comes in pieces: begin() once, then add() for each, then end().
  void begin();
  void add(std::string_view bytes);
  Hash end();

 private:
  std::unique_ptr<evp_md_st, void (*)(evp_md_st*)> kind_;
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

}  // namespace shmring::log
