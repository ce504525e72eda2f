// Signed notes (c2sp.org/signed-note): a text, and the signatures of some keys below it.
//
//   text, each line with its newline
//                                                          one empty line
//   — NAME base64(key id, 4 bytes · signature)             one line for each signature
//
// Invariants:
//   - a note that was parsed is hostile. Its text says nothing until check() has returned `good` for a key that is trusted;
//   - a signature is good, unknown, or wrong. What keys that nobody here knows have signed is kept as it is, and changes
//     nothing, in whatever order it stands. One signature of a trusted key that is wrong condemns the note;
//   - a secret key is in no message, and it leaves no copy: OpenSSL keeps it where CRYPTO_secure_malloc_init() has said, and
//     what its text was written to is wiped.
// Keys are Ed25519. OpenSSL does the arithmetic.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/log/format/frontier.hpp"
#include "lib/log/format/parse.hpp"

struct evp_pkey_st;

namespace shmring::log {

// Limits of what is read; the specification wants 16 signatures of 5 kB.
inline constexpr std::size_t max_note_bytes = 1'000'000, max_signatures = 100;

// What a key signs: a note's text (1), or, as a witness, that it has seen this checkpoint at a time (4,
// c2sp.org/tlog-cosignature).
enum class KeyKind : u8 { note = 1, cosignature = 4 };

// A public key, and the name under which it signs.
struct VerifierKey {
  std::string name;
  KeyKind kind = KeyKind::note;
  std::array<u8, 32> key{};
  u32 id = 0;  // SHA-256 of name, kind and key: its first four bytes

  bool operator==(const VerifierKey&) const = default;
};

// A name is UTF-8 without spaces and without '+'.
bool is_key_name(std::string_view name);

// "NAME+id in hex+base64(kind · key)", and back. parse_verifier_key() returns false if the text is none, if the id is not that
// of the key, or if the key is of another kind.
std::string text_of(const VerifierKey& key);
bool parse_verifier_key(std::string_view text, VerifierKey& out);

struct Signature {
  std::string name;
  u32 id = 0;
  std::string bytes;
  bool operator==(const Signature&) const = default;
};

struct SignedNote {
  std::string text;  // with the newline at its end
  std::vector<Signature> signatures;
};

std::string text_of(const SignedNote& note);
std::string text_of(const Signature& signature);  // its line
// Adds a signature. One of the same key that is there already gives way to it: a witness signs again each time it is asked.
void put_signature(SignedNote& note, Signature signature);
// They return false, and say why, if the text is no note, or no line of a signature without its newline. The expected text is
// a literal.
bool parse_note(std::string_view text, SignedNote& out, Mistake& mistake);
bool parse_signature(std::string_view line, Signature& out);

enum class Trust : u8 { good, unknown, wrong };
// Looks at the first signature of this key; without one the note is unknown. If it is a cosignature, `time_s` is the time
// that the witness gave, in seconds since 1970.
Trust check(const SignedNote& note, const VerifierKey& key, u64* time_s = nullptr);

// Notes that are kept in one file, one behind the other: each is followed by an empty line. Takes the next one off the front.
// Returns false if there is no whole one any more. What is no note, such as one that a crash has cut, is passed over: the
// next one is found again.
bool take_note(std::string_view& notes, SignedNote& out);
void append_note(std::string& notes, std::string_view note);

// Text that is wiped when it goes.
class SecretText {
 public:
  SecretText() = default;
  explicit SecretText(std::size_t bytes);
  SecretText(SecretText&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  SecretText& operator=(SecretText&& other) noexcept;
  ~SecretText();

  std::span<char> bytes() { return {data_, size_}; }
  std::string_view view() const { return {data_, size_}; }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

// A private key and the name under which it signs; none, if it was not made or read yet.
class SecretKey {
 public:
  // Makes a key by chance. Throws std::runtime_error if OpenSSL cannot.
  static SecretKey make(std::string_view name);
  // "PRIVATE+KEY+NAME+id in hex+base64(kind · seed)", and back, without a newline. parse() returns false if the text is none.
  SecretText text() const;
  static bool parse(std::string_view text, SecretKey& out);

  explicit operator bool() const { return key_ != nullptr; }
  const VerifierKey& verifier() const { return verifier_; }
  const std::string& name() const { return verifier_.name; }
  // Signs a note's text. Throws std::runtime_error if OpenSSL cannot.
  Signature sign(std::string_view text) const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  bool take(evp_pkey_st* key, std::string_view name);

  std::unique_ptr<evp_pkey_st, Free> key_;
  VerifierKey verifier_;
};

}  // namespace shmring::log
