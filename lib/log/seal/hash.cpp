// The hashes of a log's tree: see hash.hpp.
#include "lib/log/seal/hash.hpp"

#include <openssl/evp.h>

#include <cstring>
#include <stdexcept>

namespace shmring::log {
namespace {

void require(bool done) {
  if (!done)
    throw std::runtime_error("OpenSSL cannot compute SHA-256: check the installation of libcrypto and its configuration");
}

}  // namespace

Digest::Digest() : kind_(EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free), context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  require(kind_ != nullptr && context_ != nullptr && EVP_DigestInit_ex2(context_.get(), kind_.get(), nullptr) == 1);
}

void Digest::begin() { require(EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) == 1); }

void Digest::add(std::string_view bytes) { require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1); }

Hash Digest::end() {
  Hash out;
  require(EVP_DigestFinal_ex(context_.get(), out.data(), nullptr) == 1);
  return out;
}

Hash Digest::leaf(std::string_view line) {
  begin();
  add(std::string_view("\0", 1));
  add(line);
  return end();
}

Hash Digest::node(const Hash& left, const Hash& right) {
  char text[1 + 2 * sizeof(Hash)];
  text[0] = 1;
  std::memcpy(text + 1, left.data(), left.size());
  std::memcpy(text + 1 + left.size(), right.data(), right.size());
  begin();
  add({text, sizeof text});
  return end();
}

Hash Digest::of(std::string_view bytes) {
  begin();
  add(bytes);
  return end();
}

}  // namespace shmring::log
