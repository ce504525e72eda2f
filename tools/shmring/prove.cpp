// shmring prove DIR INDEX: prints a proof that a line is in a sealed log, which can be checked without the log. With --from
// it prints what a witness is asked with.
#include <memory>
#include <optional>

#include "lib/log/files/names.hpp"
#include "lib/log/seal/kept.hpp"
#include "lib/log/seal/keys.hpp"
#include "lib/log/seal/log_nodes.hpp"
#include "lib/log/seal/log_proof.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/commands.hpp"
#include "tools/shmring/seal_input.hpp"

namespace shmring::tool {
namespace {

struct Options {
  std::string dir, index, from, checkpoint;
};

// Returns an exit status, and the checkpoint that was asked for, or the newest; one that a witness has signed if it is over
// the line.
int choose(const Options& options, u64 index, log::SignedCheckpoint& out) {
  if (!options.checkpoint.empty()) return read_checkpoint_input(options.checkpoint, out);
  os::Fd directory;
  std::vector<log::LogFile> files;
  log::TreeState tree;
  int error = log::open_log_directory(options.dir, directory);
  if (error == 0) error = log::list_log_files(directory.get(), options.dir, files);
  if (error == 0) error = log::find_tree(directory.get(), options.dir, files, tree);
  if (error != 0) return failed(error);
  if (options.from.empty()) {
    error = log::read_checkpoint(directory.get(), options.dir, log::cosigned_name, out);
    if (error == 0 && index >= tree.base && index - tree.base < out.checkpoint.size) return ok;
    if (error != 0 && error != -ENOENT) return failed(error);
  }
  // What a witness signs is looked for when its answer comes.
  error = options.from.empty() ? log::read_checkpoint(directory.get(), options.dir, log::checkpoint_name, out)
                               : log::read_newest_kept(directory.get(), options.dir, out);
  return error == 0 ? ok : failed(error);
}

int run(const Options& options) {
  log::SignedCheckpoint checkpoint;
  const u64 number = std::stoull(options.from.empty() ? options.index : options.from);
  if (const int status = choose(options, number, checkpoint)) return status;
  std::string text;
  if (options.from.empty()) {
    log::LineProof proof;
    if (const int error = log::prove_line(options.dir, number, checkpoint, proof)) return failed(error);
    text = log::text_of(proof);
  } else {
    std::vector<log::Hash> proof;
    if (const int error = log::prove_growth(options.dir, number, checkpoint, proof)) return failed(error);
    text = log::witness_request(number, proof, log::text_of(checkpoint.note));
  }
  return print_note(text) ? ok : not_understood(options.dir, {"a checkpoint that is harmless on a terminal", 0});
}

}  // namespace

void register_prove(Command program) {
  auto options = std::make_shared<Options>();
  Command command = program.add("prove", "Prove that a line is in a sealed log, or that the log has only grown");
  command.value("DIR", options->dir, "The directory that shmringd --log writes to").required();
  const Option index = command.value("INDEX", options->index, "The line's own `index`").check(whole_number(0, ~u64{0} >> 1));
  command
      .value("--from", options->from,
             "Print the request for a witness whose last known tree has this size; 0: it knows none yet")
      .form("SIZE")
      .check(whole_number(0, ~u64{0} >> 1))
      .excludes(index);
  command
      .value("--checkpoint", options->checkpoint,
             "The checkpoint to prove it with (default: the newest that a witness has signed, if it is over the line, else the "
             "newest)")
      .form("FILE");
  command.footer(
      "The proof has the form of c2sp.org/tlog-proof; `shmring verify --proof` checks it without the log. With --from the "
      "output is "
      "the body of a witness's add-checkpoint (c2sp.org/tlog-witness), and `shmring cosign` takes its answer.\n\n"
      "Exit status: 0 ok, 2 usage, 3 no such log or line, or the log is not sealed, 4 permission, 5 the log does not lead to "
      "what was "
      "signed, 7 I/O.\n\n"
      "Example: shmring prove /var/log/payments-audit 38986 >line.tlog-proof");
  const auto misuse = [options] {
    return options->index.empty() && options->from.empty() ? "give the INDEX of a line, or --from SIZE" : "";
  };
  command.run(misuse, [options] { return run(*options); });
}

}  // namespace shmring::tool
