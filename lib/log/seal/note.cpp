// Signed notes: see note.hpp.
#include "lib/log/seal/note.hpp"

#include <algorithm>
#include <utility>

#include "lib/log/format/base64.hpp"
#include "lib/log/format/json.hpp"
#include "lib/log/seal/ed25519.hpp"
#include "lib/log/seal/hash.hpp"
#include "lib/log/seal/text.hpp"

namespace shmring::log {
namespace {

constexpr std::string_view dash = "\u2014 ";
constexpr std::size_t id_bytes = 4, time_bytes = 8;

// Unicode's spaces, as UTF-8 has them.
constexpr std::string_view spaces[] = {"\t",     "\n",     "\v",     "\f",     "\r",     " ",      "\u0085", "\u00a0", "\u1680",
                                       "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008",
                                       "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};

u64 big_endian(std::string_view bytes) {
  u64 out = 0;
  for (const char byte : bytes) out = out << 8 | static_cast<u8>(byte);
  return out;
}

bool has_controls(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<u8>(c) < 0x20 && c != '\n'; });
}

// Verifies "cosignature/v1", as a witness has signed it.
bool is_cosigned(std::string_view text, const VerifierKey& key, std::string_view signature, u64* time_s) {
  if (signature.size() < time_bytes) return false;
  const u64 time = big_endian(signature.substr(0, time_bytes));
  if (time >> 63 != 0) return false;
  const std::string message = "cosignature/v1\ntime " + std::to_string(time) + "\n" + std::string(text);
  if (!ed25519::verify(key.key, message, signature.substr(time_bytes))) return false;
  if (time_s != nullptr) *time_s = time;
  return true;
}

}  // namespace

bool is_key_name(std::string_view name) {
  if (name.empty() || name.find('+') != name.npos || !valid_utf8(name)) return false;
  return std::ranges::none_of(spaces, [name](std::string_view space) { return name.find(space) != name.npos; });
}

std::string text_of(const VerifierKey& key) {
  return key.name + "+" + ed25519::hex_of(key.id) + "+" + ed25519::base64_of(key.kind, key.key);
}

bool parse_verifier_key(std::string_view text, VerifierKey& out) {
  const std::size_t plus = text.find('+');
  if (plus == text.npos) return false;
  out.name = text.substr(0, plus);
  text.remove_prefix(plus + 1);
  std::array<std::byte, 33> bytes;
  if (!is_key_name(out.name) || text.size() < ed25519::id_digits + 1 || text[ed25519::id_digits] != '+') return false;
  if (!decode_base64(text.substr(ed25519::id_digits + 1), bytes)) return false;
  const auto kind = static_cast<KeyKind>(bytes[0]);
  if (kind != KeyKind::note && kind != KeyKind::cosignature) return false;
  std::ranges::transform(bytes.begin() + 1, bytes.end(), out.key.begin(), [](std::byte byte) { return static_cast<u8>(byte); });
  out.kind = kind;
  out.id = ed25519::id_of(out.name, kind, out.key);
  return text.substr(0, ed25519::id_digits) == ed25519::hex_of(out.id);
}

std::string text_of(const Signature& signature) {
  std::string bytes;
  for (unsigned byte = 0; byte < id_bytes; ++byte) bytes += static_cast<char>(signature.id >> (24 - 8 * byte));
  bytes += signature.bytes;
  std::string out = std::string(dash) + signature.name + " ";
  append_base64(out, std::as_bytes(std::span(bytes)));
  return out + "\n";
}

std::string text_of(const SignedNote& note) {
  std::string out = note.text + "\n";
  for (const Signature& signature : note.signatures) out += text_of(signature);
  return out;
}

bool parse_signature(std::string_view line, Signature& out) {
  if (!take_prefix(line, dash)) return false;
  const std::size_t space = line.find(' ');
  if (space == line.npos || !is_key_name(line.substr(0, space))) return false;
  out.name = line.substr(0, space);
  line.remove_prefix(space + 1);
  std::string bytes(base64_bytes(line), '\0');
  if (bytes.size() <= id_bytes || !decode_base64(line, std::as_writable_bytes(std::span(bytes)))) return false;
  out.id = static_cast<u32>(big_endian(std::string_view(bytes).substr(0, id_bytes)));
  out.bytes = bytes.substr(id_bytes);
  return true;
}

void put_signature(SignedNote& note, Signature signature) {
  const auto same = std::ranges::find_if(
      note.signatures, [&](const Signature& other) { return other.id == signature.id && other.name == signature.name; });
  if (same == note.signatures.end())
    note.signatures.push_back(std::move(signature));
  else
    *same = std::move(signature);
}

bool parse_note(std::string_view text, SignedNote& out, Mistake& mistake) {
  const auto miss = [&mistake](std::string_view expected, std::size_t offset) {
    mistake = {expected, offset};
    return false;
  };
  if (text.size() > max_note_bytes) return miss("a note of at most a million bytes", max_note_bytes);
  if (!valid_utf8(text) || has_controls(text)) return miss("UTF-8 without control characters", 0);
  const std::size_t empty_line = text.rfind("\n\n");
  if (empty_line == text.npos) return miss("an empty line between text and signatures", text.size());
  out.text = text.substr(0, empty_line + 1);
  out.signatures.clear();
  TextReader lines(text.substr(empty_line + 2));
  std::string_view line;
  while (lines.line(line)) {
    const std::size_t offset = empty_line + 2 + lines.offset();
    if (out.signatures.size() == max_signatures) return miss("at most 100 signatures", offset);
    if (!parse_signature(line, out.signatures.emplace_back())) return miss("a signature: — NAME BASE64", offset);
  }
  if (out.signatures.empty() || !lines.at_end()) return miss("whole lines of signatures", text.size());
  return true;
}

Trust check(const SignedNote& note, const VerifierKey& key, u64* time_s) {
  const auto found = std::ranges::find_if(
      note.signatures, [&key](const Signature& signature) { return signature.name == key.name && signature.id == key.id; });
  if (found == note.signatures.end()) return Trust::unknown;
  const bool good = key.kind == KeyKind::note ? ed25519::verify(key.key, note.text, found->bytes)
                                              : is_cosigned(note.text, key, found->bytes, time_s);
  return good ? Trust::good : Trust::wrong;
}

void append_note(std::string& notes, std::string_view note) { (notes += note) += "\n"; }

bool take_note(std::string_view& notes, SignedNote& out) {
  Mistake mistake{};
  while (!notes.empty()) {
    if (take_prefix(notes, "\n")) continue;
    // A note is a text without an empty line, then signatures without one; "\n\n" ends each of them.
    const std::size_t text = notes.find("\n\n");
    const std::size_t end = text == notes.npos ? text : notes.find("\n\n", text + 2);
    const std::string_view note = notes.substr(0, end == notes.npos ? end : end + 1);
    if (text != notes.npos && parse_note(note, out, mistake)) {
      notes.remove_prefix(end == notes.npos ? notes.size() : end + 2);
      return true;
    }
    notes.remove_prefix(text == notes.npos ? notes.size() : text + 2);
  }
  return false;
}

}  // namespace shmring::log
