// A sealed log without a collector: see sealed_log.hpp.
#include "tests/support/sealed_log.hpp"

#include <filesystem>
#include <fstream>

#include "lib/include/shmring/shmring.h"
#include "lib/log/files/names.hpp"
#include "lib/log/format/encoder.hpp"
#include "lib/log/seal/tile.hpp"

namespace shmring::test {

using namespace log;

namespace {

constexpr u64 noon = 1'795'557'608'000'000'000, second = 1'000'000'000, incarnation = 7;

}  // namespace

SealedLog::SealedLog(std::string dir, const SealedShape& shape)
    : dir_(std::move(dir)), shape_(shape), log_key_(SecretKey::make(origin_)),
      genesis_(SecretKey::make(epoch_name(origin_, 0))) {
  tree_ = std::make_unique<Tree>(digest_, Frontier{}, tile_height, shape.leaves ? 0 : usual_lowest);
  SignedNote note{text_of(KeyNote{origin_, 0, 0, digest_.empty(), genesis_.verifier()}), {}};
  note.signatures = {log_key_.sign(note.text), genesis_.sign(note.text)};
  std::string keys;
  append_note(keys, text_of(note));
  put("keys", keys, false);
  SecretKey::parse(genesis_.text().view(), epoch_key_);

  Encoder encoder("r");
  for (u64 line = 0; line < shape.before + shape.lines; ++line) {
    const bool is_sealed = line >= shape.before;
    const u64 in_part = is_sealed ? line - shape.before : line;
    if (is_sealed ? in_part % shape.per_file == 0 : in_part == 0) {
      begin_file(index_, is_sealed);
      continue;
    }
    std::string text;
    const std::string payload = std::to_string(index_) + std::string(shape.payload, 'x');
    if (events_ == 0 && index_ == 1) {
      encoder.encode(LifeLine{Life::attach, "p", incarnation, noon, 1, 0, 1, "/bin/p", 0, 0, {}, 0}, index_, text);
    } else {
      ++events_;
      encoder.encode(Event{"p",
                           incarnation,
                           events_,
                           1,
                           events_,
                           noon + index_ * second,
                           7,
                           "",
                           SHMRING_KIND_TEXT,
                           6,
                           {},
                           std::as_bytes(std::span(payload)),
                           false,
                           false},
                     index_, text);
    }
    add(text, is_sealed);
  }
  file_.close();
}

void SealedLog::begin_file(u64 index, bool is_sealed) {
  Accounts line{noon + index * second, {}, {}, {}, {}, true, std::nullopt};
  if (index > 1) line.accounts = {{"p", incarnation, events_, true, {}}};
  if (is_sealed) line.tree = TreeState{shape_.before, tree_->frontier()};
  files_.push_back(log_file_name(line.time_ns, index));
  for (const Tile& row : tree_->rows()) put(tile_path(row.level, row.index, row.hashes.size()), tile_bytes(row), false);
  file_.close();
  file_.open(std::filesystem::path(dir_) / files_.back());
  std::string text;
  Encoder("r").encode(line, index, text);
  add(text, is_sealed);
}

void SealedLog::add(const std::string& line, bool is_sealed) {
  file_ << line;
  ++index_;
  if (!is_sealed) return;
  lines_.push_back(line);
  leaves_.push_back(digest_.leaf(line));
  tree_->add(leaves_.back());
  for (const Tile& tile : tree_->take_tiles()) put(tile_path(tile.level, tile.index), tile_bytes(tile), false);
  if (tree_->size() % shape_.sign_every == 0) write_checkpoint();
  if (shape_.epoch_every > 0 && tree_->size() % shape_.epoch_every == 0) begin_epoch();
}

std::string SealedLog::sign(const Checkpoint& checkpoint) const {
  SignedNote note{text_of(checkpoint), {}};
  note.signatures = {log_key_.sign(note.text), epoch_key_.sign(note.text)};
  return text_of(note);
}

void SealedLog::write_checkpoint() {
  const std::string note = sign({origin_, tree_->size(), tree_->root()});
  std::string notes;
  append_note(notes, note);
  put(files_.back() + std::string(checkpoints_suffix), notes, true);
  put(checkpoint_name, note, false);
}

void SealedLog::begin_epoch() {
  SecretKey next = SecretKey::make(epoch_name(origin_, ++epoch_));
  SignedNote note{text_of(KeyNote{origin_, epoch_, tree_->size(), tree_->root(), next.verifier()}), {}};
  note.signatures = {epoch_key_.sign(note.text)};
  std::string notes;
  append_note(notes, text_of(note));
  put("keys", notes, true);
  epoch_key_ = std::move(next);
}

Hash SealedLog::root_at(u64 size) const {
  return root_of(digest_, frontier_of(digest_, std::span(leaves_).first(static_cast<std::size_t>(size))));
}

std::string SealedLog::keys() const { return text_of(log_key_.verifier()) + "\n" + text_of(genesis_.verifier()) + "\n"; }

void SealedLog::put(const std::string& name, std::string_view text, bool at_end) const {
  const std::filesystem::path path = std::filesystem::path(dir_) / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, at_end ? std::ios::app : std::ios::trunc) << text;
}

}  // namespace shmring::test
