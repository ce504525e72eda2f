// shmring cosign DIR: takes the answer of a witness, and keeps the checkpoint with its signature.
//
// Invariants:
//   - only a signature of a given key is kept, over a checkpoint that the log has;
//   - what is kept never goes back to a smaller tree, whoever else does the same at the same time.
#include <memory>

#include "lib/log/files/names.hpp"
#include "lib/log/seal/anchors.hpp"
#include "lib/log/seal/kept.hpp"
#include "lib/log/seal/text.hpp"
#include "lib/os/error.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/commands.hpp"
#include "tools/shmring/seal_input.hpp"

namespace shmring::tool {
namespace {

struct Options {
  std::string dir;
  std::vector<std::string> keys;
};

int read_answer(std::vector<log::Signature>& out) {
  std::string text;
  if (const int status = read_input("-", text)) return status;
  log::TextReader lines(text);
  for (std::string_view line; lines.line(line);)
    if (out.size() == log::max_signatures || !log::parse_signature(line, out.emplace_back()))
      return not_understood("-", {"a signature on each line: — NAME BASE64", lines.offset()});
  return out.empty() || !lines.at_end() ? not_understood("-", {"whole lines with signatures", text.size()}) : ok;
}

// Adds to the checkpoint what a witness has signed of it. Returns whether that is anything.
bool take(const std::vector<log::Signature>& answer, const std::vector<log::VerifierKey>& keys, log::SignedNote& note) {
  bool is_signed = false;
  for (const log::Signature& signature : answer) {
    const log::SignedNote one{note.text, {signature}};
    for (const log::VerifierKey& key : keys) {
      if (check(one, key) != log::Trust::good) continue;
      put_signature(note, signature);
      is_signed = true;
    }
  }
  return is_signed;
}

int run(const Options& options) {
  std::vector<log::VerifierKey> keys;
  std::vector<log::Signature> answer;
  if (const int status = read_keys(options.keys, keys)) return status;
  if (const int status = read_answer(answer)) return status;
  os::Fd directory;
  log::Anchors anchors;
  if (const int error = log::open_log_directory(options.dir, directory)) return failed(error);
  if (const int error = anchors.read_checkpoints(directory.get(), options.dir)) return failed(error);
  anchors.sort();
  // The log may have gone on since the witness was asked, so the newest that it has signed is looked for.
  for (auto anchor = anchors.all().rbegin(); anchor != anchors.all().rend(); ++anchor) {
    log::SignedCheckpoint cosigned = anchor->is, kept;
    if (!take(answer, keys, cosigned.note)) continue;
    const int error = log::keep_cosigned(directory.get(), options.dir, cosigned, kept);
    if (error != 0 && error != -EEXIST) return failed(error);
    if (error == -EEXIST) complain(os::last_error());
    fmt::print("{}/{}: {} lines, with {} signature{}\n", safe(options.dir), log::cosigned_name, kept.checkpoint.size,
               kept.note.signatures.size(), kept.note.signatures.size() == 1 ? "" : "s");
    return error == -EEXIST ? negative : ok;
  }
  complain(fmt::format("log {}: the answer has no signature of a given key over a checkpoint of this log", safe(options.dir)));
  return negative;
}

}  // namespace

void register_cosign(Command program) {
  auto options = std::make_shared<Options>();
  Command command = program.add("cosign", "Keep what a witness has answered, read from standard input");
  command.value("DIR", options->dir, "The directory that shmringd --log writes to").required();
  command.value("--key", options->keys, std::string("The witness's key. ") + key_help).form("KEY").one_each_time().required();
  command.footer(
      "A witness is asked with `shmring prove DIR --from SIZE`, by whatever speaks HTTP. Its answer is checked, and the newest "
      "checkpoint with it becomes checkpoint.cosigned.\n\n"
      "Exit status: 0 kept, 1 no good signature, or a larger tree is kept already, 2 usage, 3 no such log, 4 permission, 5 not "
      "an "
      "answer of a witness, 7 I/O.\n\n"
      "Example: shmring prove DIR --from 0 | curl -sf --data-binary @- https://witness.example/add-checkpoint | shmring cosign "
      "DIR "
      "--key witness.key");
  command.run([options] { return run(*options); });
}

}  // namespace shmring::tool
