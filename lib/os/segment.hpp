// A segment as a file: create, attach, look, unlink, list, and the collector's lease.
//
// Invariants:
//   - a segment gets its name last, when it is whole and all its memory is reserved and touched. So there is no half-built
//     state, and no SIGBUS in an application;
//   - attach maps only what it has opened without following a link and then checked: type, owner, mode, size, header;
//   - every refusal has its own −errno and sets os::last_error().
#pragma once

#include <boost/interprocess/mapped_region.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lib/include/shmring/shmring.h"
#include "lib/os/file.hpp"
#include "lib/ring/validate.hpp"

namespace shmring::os {

using ring::u32;
using ring::u64;

// Returns whether this may name a ring or a producer: 1 … 63 bytes of [A-Za-z0-9._-], not "." and not "..".
bool valid_name(std::string_view name);

// Copies the caller's options struct over `to`, which holds zeros. A smaller struct leaves the rest zero. A larger one must be
// zero in the part that is not known here. `from` begins with its struct_size. Returns −EINVAL with a text that begins with
// `what`.
int copy_options(const void* from, void* to, std::size_t known_bytes, const char* what);

// What shmring_create's options mean, with defaults filled in.
struct CreateOptions {
  ring::Geometry geometry{};
  mode_t mode = 0600;
  bool has_group = false;
  gid_t group = 0;
};
int resolve(const std::string& ring, const shmring_create_options* options, CreateOptions& out);

// shmring_create. Fails with EEXIST, EACCES, ENOSPC, ENOMEM, EINVAL, or the error of a system call.
int create(std::string_view ring, const shmring_create_options* options);

// One mapped segment. It may be moved, since nothing in it points into itself. A forked child does not have the mapping, and
// the destructor must not run there, because it would unmap what the child has put in its place.
struct Segment {
  char name[ring::name_bytes] = "";  // the name under which it was opened; for a file, the name in its header
  Fd fd;  // needed for the lease and for unlinked(); a producer closes it: its number may become the application's
  boost::interprocess::mapped_region region;
  ring::Ring ring;
};

// Maps a ring for reading and writing after all checks. `owner` is a user whose rings are trusted besides those that users.hpp
// names; NULL means $SHMRING_OWNER. Fails with ENOENT, EACCES, EPERM (owner, mode, not a file or a link), EPROTO (version),
// ENOEXEC (layout), EBADMSG (size or geometry), ESTALE (another boot), EINVAL (name or owner), or ENOMEM. If a ring is retired
// under its name, this waits for remover_patience_ns at most, then fails with −ESTALE. If its remover was killed, the ring is
// opened again.
int attach(std::string_view ring, Segment& out, const char* owner = nullptr);

// The same for an open file that was a ring's. The ring may be retired, and need not have that name any more.
int attach_open(std::string_view ring, Fd file, Segment& out, const char* owner = nullptr);

// Maps a ring, or a file given by a path that holds a '/', for reading only. This includes files that attach refuses:
// `findings` then says what is wrong, one sentence each. A file shorter than its geometry reads as zeros beyond its end. If not
// even the geometry can be believed, `out.ring` has only the header (entries is NULL). Refused are files that are absent, not
// permitted, not regular, or shorter than a header (EBADMSG), and those that are not a segment of this layout or of a known
// older one (ENOEXEC, EPROTO).
int open_readonly(std::string_view ring_or_path, Segment& out, std::vector<std::string>& findings);

// What is looked for once more when the ring is retired, before its name is removed. by_the_living: somebody who attached or
// came to collect it since it was judged. by_anybody: records that are in no log as well.
enum class Unneeded { unasked, by_the_living, by_anybody };

// Retires the segment, then removes its name. If the ring is needed after all (−EBUSY, the text says by whom), or its name
// cannot be removed, it is open again. `force` also removes the name if attach refuses the file, and then does not retire it.
// Two kinds of ring need no force: one of another boot, to which nobody attaches, and one of an older version that was looked
// at (`only`), whose attachers are not seen. `only` (if not NULL): the name must still refer to this open segment, else ENOENT.
// `owner` is as for attach. Fails with ENOENT, EACCES, EPERM, EBUSY (also if somebody else removes it at this moment), or as
// attach does.
int unlink(std::string_view ring, bool force = false, const Segment* only = nullptr, const char* owner = nullptr,
           Unneeded unneeded = Unneeded::unasked);

// Gives a ring another name. That name must be free (else EEXIST), the first one must still refer to this open segment (else
// ENOENT), and attach must trust the ring (else EPERM). EBUSY: somebody else moves or removes it at this moment.
int rename(std::string_view ring, std::string_view to, const Segment& only, const char* owner = nullptr);

// Returns 0 if attach trusts an open segment's owner and mode, −EPERM if not, or the error of a system call.
int check_trust(std::string_view ring, const Segment& segment, const char* owner = nullptr);

// Lists the names of the rings in the directory, sorted.
int list(std::vector<std::string>& out);

// Returns whether the name is gone or refers to another file now, whoever did that; the collector then retires the ring. If
// this cannot be seen, it counts as not having happened.
bool unlinked(const Segment& segment);

// Becomes the ring's only collector, until the Segment is gone or the process has ended. Closing its descriptor alone does not
// end the lease, because the mapping holds the lock too. −EBUSY names the holder. −ESTALE: the ring was removed meanwhile,
// attach again.
int take_lease(const Segment& segment);

// The same for a ring that has lost its name, and may be retired.
int take_lease_unnamed(const Segment& segment);

// Returns whether the ring has a collector, other than through this open segment.
bool lease_is_held(const Segment& segment);

// Opens $SHMRING_DIR, which must be absolute, or /dev/shm. The text names the ring.
int open_directory(const std::string& ring, std::string& path, Fd& out);

// Returns "shmring." and the ring's name.
std::string file_name(const std::string& ring);

}  // namespace shmring::os
