// A segment as a file: create, attach, look, unlink, list, and the collector's lease.
//
// Invariants:
//   - a segment gets its name last, whole and with all its memory reserved and touched: there is no half-built state,
//     and no SIGBUS in an application;
//   - attach maps nothing that it has not opened without following a link and then checked: type, owner, mode, size,
//     header;
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

// Whether this may name a ring or a producer: 1 … 63 bytes of [A-Za-z0-9._-], not "." and not "..".
bool valid_name(std::string_view name);

// Copy the caller's options struct over `to`, which holds zeros: a smaller one leaves the rest zero, a larger one
// must be zero where we know nothing. `from` begins with its struct_size. −EINVAL, with a text that begins with
// `what`.
int copy_options(const void* from, void* to, std::size_t known_bytes, const char* what);

// What shmring_create's options mean, defaults filled in.
struct CreateOptions {
  ring::Geometry geometry{};
  mode_t mode = 0600;
  bool has_group = false;
  gid_t group = 0;
};
int resolve(const std::string& ring, const shmring_create_options* options, CreateOptions& out);

// shmring_create: EEXIST, EACCES, ENOSPC, ENOMEM, EINVAL, or what a system call failed with.
int create(std::string_view ring, const shmring_create_options* options);

// One mapped segment. Nothing in it points into itself: it may be moved. In a forked child the mapping is not there,
// and the destructor must not run (it would unmap what the child has put in its place).
struct Segment {
  char name[ring::name_bytes] = "";  // under which it was opened; of a file, the one that its header has
  Fd fd;  // needed for the lease and for unlinked(); a producer closes it: its number may become the application's
  boost::interprocess::mapped_region region;
  ring::Ring ring;
};

// Map a ring for reading and writing, all checks made. `owner`: a user whose rings are trusted beside those that users.hpp
// names; NULL: $SHMRING_OWNER. ENOENT, EACCES, EPERM owner, mode, not a file or a link, EPROTO version, ENOEXEC layout, EBADMSG
// size or geometry, ESTALE another boot, EINVAL name or owner, ENOMEM. A ring that is retired under its name is waited for, for
// remover_patience_ns at most: −ESTALE; one whose remover was killed is opened again.
int attach(std::string_view ring, Segment& out, const char* owner = nullptr);

// The same for an open file that was a ring's, which may be retired, and need not have that name any more.
int attach_open(std::string_view ring, Fd file, Segment& out, const char* owner = nullptr);

// Map a ring, or a file by a path that holds a '/', for reading only, also one that attach refuses: `findings` then
// says, a sentence each, what is wrong. A file shorter than its geometry reads as zeros beyond its end. If not even
// the geometry can be believed, `out.ring` has the header only (entries is NULL). Refused are: absent, no permission,
// not a regular file, shorter than a header (EBADMSG), not a segment of this layout or of an older one that is known (ENOEXEC,
// EPROTO).
int open_readonly(std::string_view ring_or_path, Segment& out, std::vector<std::string>& findings);

// What is looked for once more when the ring is retired, before its name is removed: who attached or came to collect it since
// it was judged; by anybody: also records that are in no log.
enum class Unneeded { unasked, by_the_living, by_anybody };

// Retire the segment, then remove its name. If it is needed after all (−EBUSY, the text says by whom), or the name cannot be
// removed, it is open again. `force`: remove the name also where attach refuses the file, then without retiring it. A ring
// of another boot needs no force, nor does one of an older version that was looked at (`only`): nobody attaches to the first;
// who attaches to the second is not seen. `only` (if not NULL): only if the name still means this open segment, else ENOENT.
// `owner`: as for attach. ENOENT, EACCES, EPERM, EBUSY (also: somebody else removes it at this moment), or what attach says.
int unlink(std::string_view ring, bool force = false, const Segment* only = nullptr, const char* owner = nullptr,
           Unneeded unneeded = Unneeded::unasked);

// Give a ring another name, if that is free (else EEXIST), the first still means this open segment (else ENOENT), and attach
// would trust it (else EPERM). EBUSY: somebody else moves or removes it at this moment.
int rename(std::string_view ring, std::string_view to, const Segment& only, const char* owner = nullptr);

// 0: attach trusts an open segment's owner and mode. −EPERM, or what a system call failed with.
int check_trust(std::string_view ring, const Segment& segment, const char* owner = nullptr);

// The names of the rings in the directory, sorted.
int list(std::vector<std::string>& out);

// Whether its name is gone or means another file now, whoever did that: the collector then retires it. What cannot be seen has
// not happened.
bool unlinked(const Segment& segment);

// Become the ring's only collector, until the Segment is gone (closing its descriptor alone does not do: the mapping
// holds the lock too) or the process has ended. −EBUSY names the holder; −ESTALE: it was removed meanwhile, attach anew.
int take_lease(const Segment& segment);

// The same for a ring that has lost its name, and may be retired.
int take_lease_unnamed(const Segment& segment);

// Whether it has a collector, other than by this open segment.
bool lease_is_held(const Segment& segment);

// $SHMRING_DIR, which must be absolute, or /dev/shm; opened. The text names the ring.
int open_directory(const std::string& ring, std::string& path, Fd& out);

// "shmring." and the ring's name.
std::string file_name(const std::string& ring);

}  // namespace shmring::os
