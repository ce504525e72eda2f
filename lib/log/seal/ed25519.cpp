// Keys of notes, public and secret: see ed25519.hpp and note.hpp.
#include "lib/log/seal/ed25519.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "lib/log/format/base64.hpp"
#include "lib/log/seal/hash.hpp"
#include "lib/log/seal/text.hpp"

namespace shmring::log {
namespace {

constexpr std::string_view private_prefix = "PRIVATE+KEY+";
constexpr std::size_t seed_bytes = 32, signature_bytes = 64;

using Context = std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)>;

void require(bool done, const char* what) {
  if (!done)
    throw std::runtime_error(std::string("OpenSSL cannot ") + what + " an Ed25519 key: check libcrypto's configuration");
}

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// A kind and a key or seed, which is wiped when it goes.
struct Tagged {
  std::array<std::byte, 1 + seed_bytes> bytes{};
  Tagged() = default;
  Tagged(const Tagged&) = delete;
  ~Tagged() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
  unsigned char* key() { return reinterpret_cast<unsigned char*>(bytes.data() + 1); }
};

}  // namespace

namespace ed25519 {

bool verify(const std::array<u8, 32>& key, std::string_view message, std::string_view signature) {
  if (signature.size() != signature_bytes) return false;
  EVP_PKEY* const made = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size());
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const bool good =
      made != nullptr && context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, made) == 1 &&
      EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message), message.size()) == 1;
  EVP_PKEY_free(made);
  return good;
}

u32 id_of(std::string_view name, KeyKind kind, const std::array<u8, 32>& key) {
  std::string text(name);
  text += '\n';
  text += static_cast<char>(kind);
  text.append(reinterpret_cast<const char*>(key.data()), key.size());
  const Hash hash = Digest().of(text);
  return static_cast<u32>(hash[0]) << 24 | static_cast<u32>(hash[1]) << 16 | static_cast<u32>(hash[2]) << 8 | hash[3];
}

std::string hex_of(u32 id) {
  char text[id_digits + 1];
  std::snprintf(text, sizeof text, "%08x", id);
  return text;
}

std::string base64_of(KeyKind kind, const std::array<u8, 32>& key) {
  std::array<std::byte, 33> bytes;
  bytes[0] = static_cast<std::byte>(kind);
  std::memcpy(bytes.data() + 1, key.data(), key.size());
  std::string out;
  append_base64(out, bytes);
  return out;
}

}  // namespace ed25519

SecretText::SecretText(std::size_t bytes) : data_(static_cast<char*>(OPENSSL_secure_zalloc(bytes))), size_(bytes) {
  if (data_ == nullptr) throw std::bad_alloc();
}

SecretText& SecretText::operator=(SecretText&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

SecretText::~SecretText() { OPENSSL_secure_clear_free(data_, size_); }

void SecretKey::Free::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

bool SecretKey::take(evp_pkey_st* key, std::string_view name) {
  key_.reset(key);
  verifier_ = {};
  std::size_t bytes = verifier_.key.size();
  if (key == nullptr || EVP_PKEY_get_raw_public_key(key, verifier_.key.data(), &bytes) != 1) return false;
  verifier_.name = name;
  verifier_.id = ed25519::id_of(name, verifier_.kind, verifier_.key);
  return true;
}

SecretKey SecretKey::make(std::string_view name) {
  SecretKey out;
  require(out.take(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), name), "make");
  return out;
}

SecretText SecretKey::text() const {
  Tagged seed;
  std::size_t bytes = seed_bytes;
  seed.bytes[0] = static_cast<std::byte>(KeyKind::note);
  require(EVP_PKEY_get_raw_private_key(key_.get(), seed.key(), &bytes) == 1, "read");
  const std::string open = std::string(private_prefix) + name() + "+" + ed25519::hex_of(verifier_.id) + "+";
  SecretText out(open.size() + base64_size(seed.bytes.size()));
  std::ranges::copy(open, out.bytes().begin());
  encode_base64(seed.bytes, out.bytes().data() + open.size());
  return out;
}

bool SecretKey::parse(std::string_view text, SecretKey& out) {
  if (!take_prefix(text, private_prefix)) return false;
  const std::size_t plus = text.find('+');
  if (plus == text.npos || !is_key_name(text.substr(0, plus))) return false;
  const std::string_view name = text.substr(0, plus), id = text.substr(plus + 1).substr(0, ed25519::id_digits);
  text.remove_prefix(plus + 1 + id.size());
  Tagged seed;
  if (!take_prefix(text, "+") || !decode_base64(text, seed.bytes) || seed.bytes[0] != static_cast<std::byte>(KeyKind::note))
    return false;
  return out.take(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.key(), seed_bytes), name) &&
         id == ed25519::hex_of(out.verifier_.id);
}

Signature SecretKey::sign(std::string_view text) const {
  Signature out{verifier_.name, verifier_.id, std::string(signature_bytes, '\0')};
  std::size_t bytes = signature_bytes;
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  require(context != nullptr && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
              EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.bytes.data()), &bytes, bytes_of(text),
                             text.size()) == 1,
          "sign with");
  return out;
}

}  // namespace shmring::log
