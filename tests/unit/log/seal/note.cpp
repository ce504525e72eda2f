// Signed notes: keys and notes of another implementation, every mangling of them, unknown signatures in any order.
#include "lib/log/seal/note.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "lib/log/format/base64.hpp"
#include "lib/log/seal/checkpoint.hpp"
#include "tests/unit/log/seal/leaves.hpp"

using namespace seal_test;

namespace {

// From the tests of Go's golang.org/x/mod/sumdb/note.
const std::string go_secret = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const std::string go_verifier = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const std::string go_text =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const std::string go_note =
    go_text + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

VerifierKey key_of(std::string_view text) {
  VerifierKey key;
  REQUIRE(parse_verifier_key(text, key));
  return key;
}

SignedNote note_of(std::string_view text) {
  SignedNote note;
  Mistake mistake{};
  REQUIRE(parse_note(text, note, mistake));
  return note;
}

bool is_note(std::string_view text) {
  SignedNote note;
  Mistake mistake{};
  const bool good = parse_note(text, note, mistake);
  if (!good) CHECK_FALSE(mistake.expected.empty());
  return good;
}

// What a witness signs.
Signature cosign(const SecretKey& witness, const VerifierKey& as, std::string_view text, u64 time_s) {
  Signature out = witness.sign("cosignature/v1\ntime " + std::to_string(time_s) + "\n" + std::string(text));
  std::string time;
  for (int shift = 56; shift >= 0; shift -= 8) time += static_cast<char>(time_s >> shift);
  return {out.name, as.id, time + out.bytes};
}

}  // namespace

TEST_CASE("base64 has one text for each value") {
  for (std::size_t bytes = 0; bytes < 40; ++bytes) {
    std::string value;
    for (std::size_t i = 0; i < bytes; ++i) value += static_cast<char>(i * 41 + bytes);
    std::string text, back(bytes, '\0');
    append_base64(text, std::as_bytes(std::span(value)));
    CHECK(base64_bytes(text) == bytes);
    CHECK(decode_base64(text, std::as_writable_bytes(std::span(back))));
    CHECK(back == value);
    for (std::size_t at = 0; at < text.size(); ++at)
      for (const char c : {'=', '!', '\n', ' ', '\0', '-', '_'}) {
        std::string changed = text;
        if (changed[at] == c) continue;
        changed[at] = c;
        CHECK_FALSE(decode_base64(changed, std::as_writable_bytes(std::span(back))));
      }
    std::string shorter(bytes == 0 ? 0 : bytes - 1, '\0');
    if (bytes > 0) CHECK_FALSE(decode_base64(text, std::as_writable_bytes(std::span(shorter))));
  }
  std::byte one[1];
  CHECK(decode_base64("AA==", one));
  CHECK_FALSE(decode_base64("AB==", one));  // unused bits
  CHECK_FALSE(decode_base64("AA=A", one));
  CHECK_FALSE(decode_base64("====", one));
  CHECK(base64_bytes("=") == 0);
}

TEST_CASE("another implementation's key signs the same here, and its note is good") {
  const VerifierKey key = key_of(go_verifier);
  CHECK(text_of(key) == go_verifier);
  SecretKey secret;
  REQUIRE(SecretKey::parse(go_secret, secret));
  CHECK(secret.text().view() == go_secret);
  CHECK(secret.verifier() == key);
  CHECK(text_of({go_text, {secret.sign(go_text)}}) == go_note);
  CHECK(check(note_of(go_note), key) == Trust::good);
}

TEST_CASE("no part of a key is a key, and no key with one changed byte is this key") {
  VerifierKey key;
  SecretKey secret;
  for (std::size_t begin = 0; begin < go_verifier.size(); ++begin)
    for (std::size_t bytes = 0; begin + bytes <= go_verifier.size(); ++bytes)
      if (bytes != go_verifier.size()) CHECK_FALSE(parse_verifier_key(go_verifier.substr(begin, bytes), key));
  for (std::size_t bytes = 0; bytes < go_secret.size(); ++bytes)
    CHECK_FALSE(SecretKey::parse(go_secret.substr(0, bytes), secret));
  for (std::size_t at = 0; at < go_secret.size(); ++at)
    for (const char c : {'A', 'z', '+', '\n', ' ', '\x80'}) {
      std::string changed = go_secret;
      changed[at] = changed[at] == c ? 'B' : c;
      CHECK_FALSE(SecretKey::parse(changed, secret));
    }
  for (std::size_t at = 0; at < go_verifier.size(); ++at)
    for (const char c : {'A', 'z', '+', '\n', ' ', '\x80'}) {
      std::string changed = go_verifier;
      changed[at] = changed[at] == c ? 'B' : c;
      CHECK_FALSE(parse_verifier_key(changed, key));
    }
  CHECK_FALSE(
      parse_verifier_key("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", key));  // of another kind
  for (const char* bad : {"", "a b", "a+b", "a\u00a0b", "a\u2003", "\u3000", "a\nb", "\xff"}) CHECK_FALSE(is_key_name(bad));
  for (const char* good : {"a", "shmring/payments/0123456789abcdef", "witness.example/w1", "Jürgen"}) CHECK(is_key_name(good));
}

TEST_CASE("no changed byte of a note passes") {
  const VerifierKey key = key_of(go_verifier);
  for (std::size_t at = 0; at < go_note.size(); ++at)
    for (const int flip : {1, 4, 0x80}) {
      std::string changed = go_note;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      SignedNote note;
      Mistake mistake{};
      if (parse_note(changed, note, mistake)) CHECK(check(note, key) != Trust::good);
    }
  for (std::size_t bytes = 0; bytes < go_note.size(); ++bytes) CHECK_FALSE(is_note(go_note.substr(0, bytes)));
}

TEST_CASE("what is no note is refused, with what was expected") {
  const std::string signature = "— a AAAAAAA=\n";
  CHECK(is_note("text\n\n" + signature));
  CHECK(is_note("te\n\nxt\n\n" + signature + signature));
  const std::vector<std::string> refused = {"text\n",
                                            "text\n\n",
                                            "text\n" + signature,
                                            "text\n\n" + signature + "\n",
                                            "text\n\n- a AAAAAAA=\n",
                                            "text\n\n—a AAAAAAA=\n",
                                            "text\n\n— a\n",
                                            "text\n\n— a AAAA\n",
                                            "text\n\n— a AAAAAA==\n",
                                            "text\n\n—  AAAAAAA=\n",
                                            "text\n\n— a+b AAAAAAA=\n",
                                            "text\n\n— a AAAAAAA= \n",
                                            "te\txt\n\n" + signature,
                                            "te\rxt\n\n" + signature,
                                            "te\xffxt\n\n" + signature,
                                            "text\n\n" + signature + "x",
                                            std::string("te\0xt\n\n", 7) + signature,
                                            std::string(1'000'000, 'a') + "\n\n" + signature};
  for (const std::string& bad : refused) CHECK_FALSE(is_note(bad));
  std::string many = "text\n\n";
  for (int i = 0; i < 100; ++i) many += signature;
  CHECK(is_note(many));
  CHECK_FALSE(is_note(many + signature));
}

TEST_CASE("signatures of unknown keys change nothing, in any order; a wrong one of a known key condemns") {
  const SecretKey ours = SecretKey::make("example.com/log"), other = SecretKey::make("example.com/other");
  const SecretKey same_name = SecretKey::make("example.com/log");
  const std::string text = "a text\n";
  SignedNote note{text, {ours.sign(text), other.sign(text), same_name.sign(text)}};
  note.signatures.push_back({"grease.example", 0xdeadbeef, std::string(5000, 'g')});
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    std::ranges::shuffle(note.signatures, random);
    const SignedNote read = note_of(text_of(note));
    CHECK(text_of(read) == text_of(note));
    for (const SecretKey* key : {&ours, &other, &same_name}) CHECK(check(read, key->verifier()) == Trust::good);
  }
  CHECK(check(note, SecretKey::make("example.com/log").verifier()) == Trust::unknown);
  VerifierKey same_id = other.verifier();
  same_id.name = "example.com/third";
  CHECK(check(note, same_id) == Trust::unknown);

  SignedNote wrong{text, {other.sign(text), ours.sign("another text\n")}};
  CHECK(check(wrong, ours.verifier()) == Trust::wrong);
  wrong.signatures.back().bytes.pop_back();
  CHECK(check(wrong, ours.verifier()) == Trust::wrong);
}

TEST_CASE("a witness signs a checkpoint with a time, under a key of another kind") {
  const SecretKey secret = SecretKey::make("witness.example/w1");
  VerifierKey witness = secret.verifier();
  witness.kind = KeyKind::cosignature;
  CHECK_FALSE(parse_verifier_key(text_of(witness), witness));  // with the id of the other kind
  Digest digest;
  const Hash id = digest.of("witness.example/w1\n\x04" + std::string(reinterpret_cast<const char*>(witness.key.data()), 32));
  witness.id = static_cast<u32>(id[0]) << 24 | static_cast<u32>(id[1]) << 16 | static_cast<u32>(id[2]) << 8 | id[3];
  CHECK(parse_verifier_key(text_of(witness), witness));

  const std::string body = text_of(Checkpoint{"origin", 7, digest.empty()});
  SignedNote note{body, {cosign(secret, witness, body, 1679315147)}};
  u64 time = 0;
  CHECK(check(note_of(text_of(note)), witness, &time) == Trust::good);
  CHECK(time == 1679315147);
  CHECK(check(note, secret.verifier()) == Trust::unknown);
  for (std::size_t at = 0; at < note.signatures[0].bytes.size(); ++at) {
    SignedNote changed = note;
    changed.signatures[0].bytes[at] ^= 1;
    CHECK(check(changed, witness) == Trust::wrong);
  }
  SignedNote shorter = note;
  shorter.signatures[0].bytes.resize(5);
  CHECK(check(shorter, witness) == Trust::wrong);
  SignedNote late{body, {cosign(secret, witness, body, ~u64{0})}};
  CHECK(check(late, witness) == Trust::wrong);
}

TEST_CASE("a checkpoint has the text of tlog-checkpoint; what else stands below it is let be") {
  Checkpoint read;
  const std::string root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
  const std::string text = "example.com/behind-the-sofa\n20852163\n" + root + "\n";
  REQUIRE(parse_checkpoint(text, read));
  CHECK(read.origin == "example.com/behind-the-sofa");
  CHECK(read.size == 20852163);
  CHECK(text_of(read) == text);
  CHECK(parse_checkpoint(text + "more\n", read));
  CHECK(parse_checkpoint("o\n0\n" + root + "\n", read));
  for (const std::string& bad :
       {std::string(), std::string("o\n"), std::string("o\n5\n"), "\n5\n" + root + "\n", "o\n05\n" + root + "\n",
        "o\n-5\n" + root + "\n", "o\n+5\n" + root + "\n", "o\n5 \n" + root + "\n", "o\n9223372036854775808\n" + root + "\n",
        "o\n5\n" + root, "o\n5\n" + root + "\nmore", "o\n5\n" + root + "\n\nmore\n", "o\n5\n" + root.substr(1) + "\n",
        "o\n5\nA" + root + "\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_checkpoint(bad, read));
  }
}

TEST_CASE("of notes in one file each whole one is found, whatever a crash has left between them") {
  const SecretKey key = SecretKey::make("log");
  std::vector<std::string> notes;
  std::string file;
  for (const char* text : {"one\n", "two\nlines\n", "three\n"}) {
    notes.push_back(text_of({text, {key.sign(text), key.sign(text)}}));
    append_note(file, notes.back());
  }
  const auto found = [](std::string_view text) {
    std::vector<std::string> out;
    for (SignedNote note; take_note(text, note);) out.push_back(text_of(note));
    return out;
  };
  CHECK(found(file) == notes);
  CHECK(found(file.substr(0, file.size() - 1)) == notes);
  CHECK(found("") == std::vector<std::string>{});
  CHECK(found("\n\n\n" + file) == notes);
  for (std::size_t cut = 0; cut < notes[1].size(); ++cut) {
    CAPTURE(cut);
    // As a writer goes on that begins with an empty line, and as one that does not.
    const std::string torn = notes[0] + "\n" + notes[1].substr(0, cut);
    const std::vector<std::string> tidy = found(torn + "\n\n" + notes[2] + "\n"),
                                   rough = found(torn + notes[2] + "\n" + notes[2]);
    CHECK(tidy.front() == notes[0]);
    CHECK(tidy.back() == notes[2]);
    CHECK(rough.front() == notes[0]);
    CHECK(rough.back() == notes[2]);
    for (const std::string& note : found(torn)) CHECK((note == notes[0] || notes[1].starts_with(note)));
  }
}
