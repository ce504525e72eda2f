// Checkpoints: see checkpoint.hpp.
#include "lib/log/seal/checkpoint.hpp"

#include "lib/log/seal/text.hpp"

namespace shmring::log {

std::string text_of(const Checkpoint& checkpoint) {
  return checkpoint.origin + "\n" + std::to_string(checkpoint.size) + "\n" + base64_of(checkpoint.root) + "\n";
}

bool parse_checkpoint(std::string_view text, Checkpoint& out) {
  TextReader lines(text);
  std::string_view origin, size, root, other;
  if (!lines.line(origin) || origin.empty() || !lines.line(size) || !number_of(size, out.size)) return false;
  if (!lines.line(root) || !hash_of(root, out.root)) return false;
  while (lines.line(other))
    if (other.empty()) return false;
  out.origin = origin;
  return lines.at_end();
}

bool parse_signed_checkpoint(std::string_view text, SignedCheckpoint& out, Mistake& mistake) {
  if (!parse_note(text, out.note, mistake)) return false;
  if (parse_checkpoint(out.note.text, out.checkpoint)) return true;
  mistake = {"a checkpoint: origin, size and root, a line each", 0};
  return false;
}

}  // namespace shmring::log
