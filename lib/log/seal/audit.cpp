// Whether a log is what was signed: see audit.hpp.
#include "lib/log/seal/audit.hpp"

#include <algorithm>
#include <cerrno>
#include <map>

#include "lib/log/files/cursor.hpp"
#include "lib/log/format/parse.hpp"
#include "lib/log/seal/conviction.hpp"
#include "lib/log/seal/hashed_files.hpp"
#include "lib/log/seal/locate.hpp"
#include "lib/log/seal/log_nodes.hpp"
#include "lib/log/seal/log_proof.hpp"
#include "lib/log/seal/tree.hpp"

namespace shmring::log {
namespace {

constexpr int most_tries = 8;  // of a log whose files are removed while they are read

class Auditor {
 public:
  Auditor(const std::string& dir, const AuditRequest& request, Verdict& verdict, Audit& audit)
      : dir_(dir), request_(request), verdict_(verdict), out_(audit) {}

  int run();

 private:
  bool deviates(std::string expected, std::string found) {
    out_.expected = std::move(expected), out_.found = std::move(found);
    return false;
  }
  int at_first_line(const std::string& file, std::string expected, std::string found) {
    out_.file = file, out_.first_line = out_.last_line = 1;
    deviates(std::move(expected), std::move(found));
    return 0;
  }
  int hash(const std::vector<u64>& sizes);
  void go_through(const std::vector<FileHashes>& files, const std::vector<u64>& sizes);
  void note_root(const std::vector<u64>& sizes) {
    if (std::ranges::binary_search(sizes, at_.size)) roots_[at_.size] = root_of(digest_, at_);
  }
  // Returns whether it was left out or holds. If it deviates, `error` may be set.
  bool compare(const Anchor& anchor, int& error);
  bool compare_removed(const Anchor& anchor);
  bool contradicts_another(const Anchor& anchor);
  int differs(const Anchor& anchor);
  int convict(const Anchor& anchor);
  bool agrees(const Anchor& anchor) const {
    const auto root = roots_.find(anchor.is.checkpoint.size);
    return root != roots_.end() && root->second == anchor.is.checkpoint.root;
  }
  void find_newest();
  int read_times();

  const std::string& dir_;
  const AuditRequest& request_;
  Verdict& verdict_;
  Audit& out_;
  os::Fd directory_;
  std::vector<LogFile> files_;
  Anchors anchors_;
  Digest digest_;
  Frontier at_;
  std::map<u64, Hash> roots_;  // by size
  u64 agreed_ = 0;             // the largest size so far at which lines and signature agree
  std::string misfit_;         // a file whose first line has another tree than the lines before it
  std::string untold_;         // a file with sealed lines, of which nothing says what tree they go on with
  const Anchor* newest_ = nullptr;
};

int Auditor::run() {
  if (const int error = open_log_directory(dir_, directory_)) return error;
  // What is signed is read first, so that all its lines are there when the files are listed.
  std::string wrong;
  if (const int error = anchors_.read_keys(directory_.get(), dir_, request_.keys, wrong)) return error;
  if (!wrong.empty()) {
    deviates("a chain of keys that begins with the given one", wrong);
    return verify(dir_, verdict_, request_.taker);
  }
  out_.origin = anchors_.origin(), out_.epochs = anchors_.chain().size();
  if (const int error = anchors_.read_checkpoints(directory_.get(), dir_)) return error;
  for (const Anchor& anchor : request_.given) anchors_.add(anchor);
  anchors_.sort();
  std::vector<u64> sizes;
  for (const Anchor& anchor : anchors_.all())
    if (sizes.empty() || sizes.back() != anchor.is.checkpoint.size) sizes.push_back(anchor.is.checkpoint.size);
  TreeState tree;
  if (const int error = list_log_files(directory_.get(), dir_, files_)) return error;
  if (const int error = find_tree(directory_.get(), dir_, files_, tree); error != 0) {
    deviates("a file whose first line says where the tree begins", "none");
    return error == -ENOENT ? verify(dir_, verdict_, request_.taker) : error;
  }
  out_.base = tree.base;
  if (const int error = hash(sizes)) return error;
  out_.ignored = anchors_.ignored();
  if (!untold_.empty())
    return at_first_line(untold_, "a first line that says what the tree is, since this log is sealed", "none");
  for (const Anchor& anchor : anchors_.all()) {
    int error = 0;
    if (!compare(anchor, error)) return error;
  }
  find_newest();
  if (!misfit_.empty()) return at_first_line(misfit_, "the tree of the lines before it in a file's first line", "another one");
  out_.holds = true;
  return read_times();
}

// Hashes the lines, and verifies them meanwhile.
int Auditor::hash(const std::vector<u64>& sizes) {
  HashedFiles hashed;
  std::vector<FileHashes> files;
  hashed.begin(directory_.get(), dir_, files_, out_.base, sizes, request_.threads, request_.share_bytes);
  if (const int error = verify(dir_, verdict_, request_.taker)) return error;
  if (const int error = hashed.join(files)) return error;
  go_through(files, sizes);
  return 0;
}

// Goes through the files in order. Behind a hole it goes on where a file says how the tree stands; a signed root behind that
// confirms it, or shows that it is none. No sealed line may stand before the first such file: it would be compared with
// nothing, as if it had been removed.
void Auditor::go_through(const std::vector<FileHashes>& files, const std::vector<u64>& sizes) {
  bool is_known = false, was_known = false;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const FileHashes& file = files[i];
    const bool has_tree = file.tree && file.tree->base == out_.base;
    if (has_tree && (!is_known || at_.size != file.tree->frontier.size)) {
      if (roots_.empty() && at_.size == 0) out_.first_known = file.tree->frontier.size;
      at_ = file.tree->frontier;
      is_known = was_known = true;
      note_root(sizes);
    } else if (has_tree && at_ != file.tree->frontier && misfit_.empty()) {
      misfit_ = files_[i].name;
    }
    if (!was_known && !file.pieces.empty() && untold_.empty()) untold_ = files_[i].name;
    for (const Piece& piece : file.pieces) {
      is_known = is_known && piece.first == at_.size;
      if (!is_known) break;
      for (const auto& [level, hash] : piece.subtrees) add_subtree(digest_, at_, level, hash);
      note_root(sizes);
    }
  }
}

bool Auditor::compare(const Anchor& anchor, int& error) {
  const Checkpoint& said = anchor.is.checkpoint;
  if (agrees(anchor) && !anchor.is_given) {
    ++out_.compared;
    agreed_ = said.size;
    return true;
  }
  // Of lines that were removed there may be many, and a signature takes longer than all else that is done with one.
  const bool is_removed = said.size <= at_.size && !roots_.contains(said.size);
  const auto is_other = [&said](const Anchor& other) { return other.is.checkpoint.root != said.root; };
  if (is_removed && !anchor.is_given && std::ranges::none_of(anchors_.of_size(said.size), is_other)) {
    ++out_.not_compared;
    return true;
  }
  if (const std::string why = anchors_.judge(anchor); !why.empty()) {
    if (anchor.is_given) return deviates("a checkpoint that this log's keys have signed", anchor.source + ": " + why);
    ++out_.ignored;
    return true;
  }
  if (agrees(anchor)) {
    ++out_.compared;
    agreed_ = said.size;
    return true;
  }
  if (said.size > at_.size) {
    out_.first_index = out_.base + at_.size, out_.last_index = out_.base + said.size - 1;
    return deviates(join("the lines up to index ", out_.last_index, ", which ", anchor.source, " has signed"),
                    at_.size == 0 ? std::string("no sealed line") : join("the last line has index ", out_.first_index - 1));
  }
  if (!is_removed) return error = differs(anchor), false;
  if (contradicts_another(anchor)) return false;
  if (compare_removed(anchor)) return true;
  return error = convict(anchor), false;
}

// What the log has kept of lines that were removed cannot show that another signed root is theirs; it can show that it is not.
bool Auditor::contradicts_another(const Anchor& anchor) {
  for (const Anchor& other : anchors_.of_size(anchor.is.checkpoint.size)) {
    const Conviction conviction{anchor.is.note, other.is.note, {}};
    std::string why;
    if (!contradicts(digest_, conviction, why) || !anchors_.judge(other).empty()) continue;
    out_.conviction = text_of(conviction);
    deviates(join("the root that ", anchor.source, " has signed for the first ", anchor.is.checkpoint.size, " lines"),
             other.source + " has signed another one");
    return true;
  }
  return false;
}

// A tree of which lines were removed can be compared where tiles are left. Returns false if it is another one.
bool Auditor::compare_removed(const Anchor& anchor) {
  const auto later = std::ranges::find_if(
      anchors_.all(), [&](const Anchor& other) { return other.is.checkpoint.size >= out_.first_known && agrees(other); });
  std::vector<Hash> proof;
  if (!anchor.is_given || later == anchors_.all().end() ||
      prove_growth(dir_, anchor.is.checkpoint.size, later->is, proof) != 0) {
    ++out_.not_compared;
    return true;
  }
  const Checkpoint &smaller = anchor.is.checkpoint, &larger = later->is.checkpoint;
  if (check_consistency(digest_, smaller.size, smaller.root, larger.size, larger.root, proof)) {
    ++out_.compared;
    return true;
  }
  return deviates(join("the root that ", anchor.source, " has signed for the first ", smaller.size, " lines"), "another one");
}

// Says where lines and signature differ.
int Auditor::differs(const Anchor& anchor) {
  const u64 size = anchor.is.checkpoint.size;
  deviates(join("the root of the first ", size, " sealed lines that ", anchor.source, " has signed"),
           "another root: lines were changed after they were signed, or what was signed was never in this log");
  Located where{agreed_, size, {}, {}};
  if (const int error = locate(dir_, request_.against, digest_, out_.base, at_.size, where)) return error;
  out_.first_index = out_.base + where.first, out_.last_index = out_.base + where.end - 1;
  out_.line_expected = std::move(where.expected), out_.line_found = std::move(where.found);
  for (const LogFile& file : files_) {
    if (out_.first_index < file.first_index || out_.first_index >= file.end) continue;
    out_.file = file.name;
    out_.first_line = out_.first_index - file.first_index + 1;
    out_.last_line = std::min(out_.last_index, file.end - 1) - file.first_index + 1;
  }
  return convict(anchor);
}

// Looks for a signed tree of the lines as they are: then its key has signed two trees, of which one does not begin with the
// other.
int Auditor::convict(const Anchor& anchor) {
  const u64 size = anchor.is.checkpoint.size;
  for (auto other = anchors_.all().rbegin(); other != anchors_.all().rend() && other->is.checkpoint.size >= size; ++other) {
    if (!agrees(*other) || !anchors_.judge(*other).empty()) continue;
    Conviction conviction{anchor.is.note, other->is.note, {}};
    LogNodes nodes(digest_);
    std::string why;
    if (const int error = nodes.open(dir_, false)) return error;
    const std::vector<Range> path = consistency_path(size, other->is.checkpoint.size, true);
    const bool needs_proof = size < other->is.checkpoint.size;
    if (needs_proof && prove(nodes, digest_, path, conviction.proof) != 0) continue;
    if (contradicts(digest_, conviction, why)) out_.conviction = text_of(conviction);
    return 0;
  }
  return 0;
}

// The newest checkpoint whose signatures are good, and the newest of each witness.
void Auditor::find_newest() {
  for (auto anchor = anchors_.all().rbegin(); anchor != anchors_.all().rend(); ++anchor) {
    if (!agrees(*anchor)) continue;
    if (newest_ == nullptr && anchors_.judge(*anchor).empty()) newest_ = &*anchor;
    for (const VerifierKey& key : request_.keys) {
      Witnessed witnessed{key.name, anchor->is.checkpoint.size, 0};
      const bool is_new = key.kind == KeyKind::cosignature &&
                          std::ranges::find(out_.witnesses, key.name, &Witnessed::name) == out_.witnesses.end();
      if (is_new && check(anchor->is.note, key, &witnessed.time_s) == Trust::good) out_.witnesses.push_back(witnessed);
    }
  }
  out_.signed_lines = newest_ == nullptr ? 0 : newest_->is.checkpoint.size;
  out_.unsigned_lines = at_.size - std::min(at_.size, out_.signed_lines);
}

// The times of the last signed line and of the one behind it.
int Auditor::read_times() {
  for (const bool is_signed : {true, false}) {
    const u64 leaf = out_.signed_lines - (is_signed ? 1 : 0);
    if ((is_signed && out_.signed_lines <= out_.first_known) || leaf >= at_.size) continue;
    Cursor log;
    LogLine line{};
    Parsed head{};
    if (const int error = log.open(dir_)) return error;
    if (const int error = log.seek(out_.base + leaf)) return error;
    if (const int got = log.next(line); got < 0) return got;
    if (line.whole && parse_head(line.text, head)) (is_signed ? out_.signed_at : out_.unsigned_since) = head.time;
  }
  return 0;
}

}  // namespace

int audit(const std::string& dir, const AuditRequest& request, Verdict& verdict, Audit& audit) {
  int error = 0;
  for (int tries = 0; tries < most_tries; ++tries) {
    verdict = {}, audit = {};
    error = Auditor(dir, request, verdict, audit).run();
    if (error != -ENOENT) break;
  }
  return error;
}

}  // namespace shmring::log
