// shmring tiles DIR --to OUT: writes a sealed log as static files (c2sp.org/tlog-tiles), from which others make proofs by
// themselves.
//
// Invariants:
//   - the checkpoint is written last, once the root of what was written is the one that was signed;
//   - a bundle with a line that is too long for its format is left out, and the line is named. Its hashes are there.
#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "lib/log/files/cursor.hpp"
#include "lib/log/seal/kept.hpp"
#include "lib/log/seal/keys.hpp"
#include "lib/log/seal/log_nodes.hpp"
#include "lib/log/seal/tile.hpp"
#include "tools/common/exit.hpp"
#include "tools/common/text.hpp"
#include "tools/shmring/commands.hpp"
#include "tools/shmring/seal_input.hpp"

namespace shmring::tool {
namespace {

constexpr std::size_t longest_entry = 65535;

struct Options {
  std::string dir, to, checkpoint;
};

// Writes files below a directory, and the folders above them.
class Output {
 public:
  int open(const std::string& dir) {
    dir_ = dir;
    if (os::calls.mkdirat(AT_FDCWD, dir.c_str(), 0755) != 0 && errno != EEXIST) return say(-errno, "");
    const int error = os::open_at(AT_FDCWD, dir.c_str(), O_RDONLY | O_DIRECTORY, 0, directory_);
    return error == 0 ? ok : say(error, "");
  }
  int put(const std::string& path, std::string_view bytes) {
    for (std::size_t at = path.find('/'); at != path.npos; at = path.find('/', at + 1))
      if (os::calls.mkdirat(directory_.get(), path.substr(0, at).c_str(), 0755) != 0 && errno != EEXIST)
        return say(-errno, path);
    os::Fd file;
    int error = os::open_at(directory_.get(), path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644, file);
    if (error == 0) error = os::write_full(file.get(), bytes.data(), bytes.size());
    if (error != 0) return say(error, path);
    ++files_;
    return ok;
  }
  u64 files() const { return files_; }

 private:
  int say(int error, const std::string& path) const {
    complain(fmt::format("cannot write {}/{}: {}", safe(dir_), safe(path), std::strerror(-error)));
    return exit_of(error);
  }

  std::string dir_;
  os::Fd directory_;
  u64 files_ = 0;
};

// Lines that lie in one bundle, each behind its length in two bytes.
class Bundle {
 public:
  // Returns an exit status.
  int add(u64 leaf, std::string_view line, Output& to) {
    if (leaf % log::tile_width == 0) text_.clear(), is_whole_ = true;
    if (line.size() > longest_entry) {
      complain(fmt::format("leaf {}: its line has {} bytes, and a bundle takes {}: {} is left out", leaf, line.size(),
                           longest_entry, log::entries_path(leaf / log::tile_width)));
      is_whole_ = false, ++left_out_;
    }
    text_ += static_cast<char>(line.size() >> 8);
    text_ += static_cast<char>(line.size());
    text_ += line;
    return (leaf + 1) % log::tile_width == 0 ? put(leaf + 1, to) : ok;
  }
  // Writes what there is below this leaf.
  int put(u64 end, Output& to) {
    const std::size_t width = end % log::tile_width == 0 ? log::tile_width : end % log::tile_width;
    return is_whole_ && !text_.empty() ? to.put(log::entries_path((end - 1) / log::tile_width, width), std::exchange(text_, {}))
                                       : ok;
  }
  u64 left_out() const { return left_out_; }

 private:
  std::string text_;
  bool is_whole_ = false;
  u64 left_out_ = 0;
};

class Exporter {
 public:
  explicit Exporter(const Options& options) : options_(options) {}

  int run() {
    if (const int error = begin()) return failed(error);
    if (!options_.checkpoint.empty())
      if (const int status = read_checkpoint_input(options_.checkpoint, signed_one_)) return status;
    if (const int status = to_.open(options_.to)) return status;
    if (const int status = write_lines()) return status;
    for (const log::Tile& row : tree_->rows())
      if (const int status = put(row)) return status;
    if (const int status = bundle_.put(tree_->size(), to_)) return status;
    if (tree_->root() != signed_one_.checkpoint.root) {
      complain(fmt::format("log {}: its lines do not lead to the root that was signed; `shmring verify --key` says where",
                           safe(options_.dir)));
      return damaged;
    }
    if (const int status = to_.put("checkpoint", text_of(signed_one_.note))) return status;
    fmt::print("{}: {} lines in {} files\n", safe(options_.to), tree_->size(), to_.files());
    if (first_ > 0) fmt::print("left out: what only the first {} lines of the tree have, which were removed\n", first_);
    return bundle_.left_out() > 0 ? negative : ok;
  }

 private:
  int begin() {
    std::vector<log::LogFile> files;
    log::TreeState state;
    if (const int error = log::open_log_directory(options_.dir, directory_)) return error;
    if (const int error = log::list_log_files(directory_.get(), options_.dir, files)) return error;
    if (const int error = log::find_tree(directory_.get(), options_.dir, files, state)) return error;
    base_ = state.base, first_ = state.frontier.size;
    tree_ = std::make_unique<log::Tree>(digest_, std::move(state.frontier), log::tile_height, 0);
    if (options_.checkpoint.empty())
      if (const int error = log::read_checkpoint(directory_.get(), options_.dir, log::checkpoint_name, signed_one_))
        return error;
    if (const int error = log_.open(options_.dir)) return error;
    return log_.seek(base_ + first_);
  }

  int write_lines() {
    log::LogLine line{};
    while (tree_->size() < signed_one_.checkpoint.size) {
      const int got = log_.next(line);
      if (got < 0) return failed(got);
      if (got == 0 || !line.whole || line.index != base_ + tree_->size()) {
        complain(
            fmt::format("log {}: there is no line with index {}, which was signed", safe(options_.dir), base_ + tree_->size()));
        return damaged;
      }
      const std::string_view text(line.text.data(), line.text.size() + 1);  // with its newline
      if (const int status = bundle_.add(tree_->size(), text, to_)) return status;
      tree_->add(digest_.leaf(text));
      for (const log::Tile& tile : tree_->take_tiles())
        if (const int status = put(tile)) return status;
    }
    return ok;
  }

  int put(const log::Tile& tile) {
    return to_.put(log::tile_path(tile.level, tile.index, tile.hashes.size()), log::tile_bytes(tile));
  }

  const Options& options_;
  os::Fd directory_;
  log::Digest digest_;
  std::unique_ptr<log::Tree> tree_;
  u64 base_ = 0, first_ = 0;
  log::SignedCheckpoint signed_one_;
  log::Cursor log_;
  Bundle bundle_;
  Output to_;
};

}  // namespace

void register_tiles(Command program) {
  auto options = std::make_shared<Options>();
  Command command = program.add("tiles", "Write a sealed log as static files, for others to make proofs from");
  command.value("DIR", options->dir, "The directory that shmringd --log writes to").required();
  command.value("--to", options->to, "The directory to write, which is made if it is absent").form("OUT").required();
  command.value("--checkpoint", options->checkpoint, "Up to this checkpoint (default: the newest)").form("FILE");
  command.footer(
      "The files are those of c2sp.org/tlog-tiles: the checkpoint, hashes of all levels, and the lines in bundles of 256.\n\n"
      "Exit status: 0 ok, 1 a line is too long for its bundle, 2 usage, 3 no such log, or it is not sealed, 4 permission, 5 "
      "the log "
      "does not lead to what was signed, 7 I/O.\n\n"
      "Example: shmring tiles /var/log/payments-audit --to /srv/www/payments");
  command.run([options] { return Exporter(*options).run(); });
}

}  // namespace shmring::tool
