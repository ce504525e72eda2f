// shmring keygen STATEDIR: makes the first keys of a log that is to be sealed, and prints those with which it is verified.
//
// Invariants:
//   - a private key is printed nowhere;
//   - keys that are there are never replaced: a log was sealed with them, and nobody could go on with it.
#include <fmt/format.h>

#include <cerrno>
#include <memory>

#include "lib/log/seal/keys.hpp"
#include "lib/log/seal/secrets.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/commands.hpp"
#include "tools/shmring/seal_input.hpp"

namespace shmring::tool {
namespace {

struct Options {
  std::string dir, ring, origin;
  bool show = false;
};

// Makes them if there are none. Returns an exit status.
int make(const Options& options, const log::Secrets& secrets) {
  log::SecretKey key;
  std::vector<u64> epochs;
  const int error = secrets.read_log_key(key);
  if (error != 0 && error != -ENOENT) return failed(error);
  if (const int listed = secrets.list(epochs)) return failed(listed);
  if (error == 0 || !epochs.empty()) {
    complain(
        fmt::format("{}: there are keys already, of a log that was sealed with them; --show prints what it is verified with",
                    safe(options.dir)));
    return busy;
  }
  const std::string origin = options.origin.empty() ? log::new_origin(options.ring) : options.origin;
  if (origin.empty()) {
    complain("cannot draw random bits for the log's name: give --origin");
    return io;
  }
  const int made = log::make_first_keys(secrets, origin);
  return made == 0 ? ok : failed(made);
}

int run(const Options& options) {
  log::Secrets secrets;
  log::SecretKey key, first;
  log::keep_secrets_apart();
  if (const int error = secrets.open(options.dir, !options.show)) return failed(error);
  if (!options.show) {
    if (const int error = secrets.lock()) return failed(error);
    if (const int status = make(options, secrets)) return status;
  }
  if (const int error = secrets.read_log_key(key)) return failed(error);
  fmt::print("{}\n", text_of(key.verifier()));
  const int error = secrets.read_epoch(0, first);
  if (error == 0) fmt::print("{}\n", text_of(first.verifier()));
  if (error != -ENOENT) return error == 0 ? ok : failed(error);
  complain(fmt::format(
      "{}: the key of the first epoch was erased when the epoch was over. Its verifier key is the fifth line of the "
      "file `keys` of the log; believe that only as far as you believe the log",
      safe(options.dir)));
  return negative;
}

}  // namespace

void register_keygen(Command program) {
  auto options = std::make_shared<Options>();
  Command command = program.add("keygen", "Make the keys of a log that is to be sealed, and print what it is verified with");
  command.value("STATEDIR", options->dir, "The directory of the keys ([seal] state of shmringd), which is made if it is absent")
      .required();
  const Option ring =
      command.value("--ring", options->ring, "The ring, for the log's name: shmring/RING/ and 16 hex digits by chance")
          .form("NAME")
          .check(check_ring_name);
  const Option origin =
      command.value("--origin", options->origin, "The log's whole name instead, unique in the world")
          .form("NAME")
          .check([](const std::string& text) {
            return log::is_key_name(text) ? std::string() : std::string("expected a name without spaces and +");
          })
          .excludes(ring);
  command.flag("--show", options->show, "Make none; print what the log is verified with").excludes(ring).excludes(origin);
  command.footer(
      "The output, two lines, is for those who verify the log: keep it where nobody who can write the log can change it. The "
      "directory "
      "has the secrets: mode 0700, of the user of shmringd, and never in a backup. Without this command shmringd makes the "
      "keys at its "
      "first start.\n\n"
      "Exit status: 0 ok, 1 the first epoch is over, 2 usage, 3 no keys, 4 permission, 5 not a key, 6 a wrong mode or owner, 7 "
      "I/O, 8 "
      "there are keys already.\n\n"
      "Example: shmring keygen --ring payments /var/lib/shmring/payments >payments.keys");
  const auto misuse = [options] {
    const bool has_name = options->show || !options->ring.empty() || !options->origin.empty();
    return has_name ? "" : "give --ring NAME or --origin NAME for the log's name, or --show";
  };
  command.run(misuse, [options] { return run(*options); });
}

}  // namespace shmring::tool
