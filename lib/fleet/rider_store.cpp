// The files that ride along, as the archive keeps them: see log_store.hpp.
//
// Invariant: what was once there is pinned. A chain of keys only grows, and a checkpoint of another tree of the same size is
// evidence against the host.
#include <cerrno>
#include <vector>

#include "lib/fleet/log_store.hpp"
#include "lib/log/seal/checkpoint.hpp"
#include "lib/log/seal/kept.hpp"
#include "lib/log/seal/keys.hpp"
#include "lib/os/error.hpp"

namespace shmring::fleet {
namespace {

enum class Verdict { newer, same, older, wrong };

Verdict judge_keys(const std::string& there, const std::string& text, std::string& wrong) {
  std::vector<log::KeyNote> notes;
  if (text == there) return Verdict::same;
  if (there.starts_with(text)) return Verdict::older;
  if (!text.starts_with(there)) return wrong = "it does not go on with the keys that the archive has", Verdict::wrong;
  wrong = log::read_key_chain(text, notes);
  return wrong.empty() ? Verdict::newer : Verdict::wrong;
}

Verdict judge_checkpoint(const std::string& there, const std::string& text, std::string& wrong) {
  log::SignedCheckpoint before, now;
  log::Mistake mistake{};
  if (text == there) return Verdict::same;
  if (!log::parse_signed_checkpoint(text, now, mistake)) return wrong = "it is no checkpoint", Verdict::wrong;
  if (there.empty() || !log::parse_signed_checkpoint(there, before, mistake)) return Verdict::newer;
  if (now.checkpoint.origin != before.checkpoint.origin)
    return wrong = "it is of another log than the one that the archive has", Verdict::wrong;
  if (now.checkpoint.size < before.checkpoint.size) return Verdict::older;
  const bool is_other = now.checkpoint.size == before.checkpoint.size && now.checkpoint.root != before.checkpoint.root;
  if (is_other) return wrong = "it is of as many lines as the one that the archive has, and of others", Verdict::wrong;
  return Verdict::newer;
}

}  // namespace

int LogStore::put_rider(const Rider& rider, const std::string& text) {
  std::string there, wrong;
  const int error = log::read_kept(directory_.get(), path_, rider.file, there);
  if (error != 0 && error != -ENOENT) return error;
  if (error == -ENOENT) there.clear();
  const auto judge = rider.file == log::keys_name ? judge_keys : judge_checkpoint;
  switch (judge(there, text, wrong)) {
    case Verdict::newer: return log::write_kept(directory_.get(), path_, rider.file, text);
    case Verdict::wrong:
      return os::fail(EUCLEAN, "archive %s/%s: the host sends another one, which is kept out: %s", path_.c_str(),
                      rider.file.c_str(), wrong.c_str());
    default: return 0;
  }
}

}  // namespace shmring::fleet
