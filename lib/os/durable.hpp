// The verbs by which bytes and names come to survive a power cut. Nothing else in the project renames a file of a log.
//
// A file is made durable in this order, and after a crash between two steps the state is the one named behind it:
//
//   openat(TEMPORARY) write… fdatasync    only the temporary is there, and it may be torn: whoever comes next removes it
//   renameat2(TEMPORARY → NAME)           after a power cut the file is there under one of the names, and whole
//   fsync(DIRECTORY)                      the file is there under NAME
//
// Invariants:
//   - a sync that failed is never asked for again: the kernel reports an error once, and may say afterwards that all is well.
//     Its caller writes the bytes elsewhere;
//   - files and directories are held open until they are synced, because an error that came in between could get lost with the
//     last descriptor.
// Thread role: any. Each call but the last two waits for the disk.
#pragma once

#include <cstdint>

namespace shmring::os {

// They return 0 or −errno, and go on after EINTR. The second also syncs a file with its mode and owner.
int sync_data(int file);
int sync_all(int file_or_directory);
// The same for a directory with its own name in the directory above, unless that may not be read: who may not read it did not
// make this one.
int sync_with_name(int directory);

// Gives a file of the directory its name unless something has that name. Returns 0, −EEXIST, or −errno. Where the file system
// cannot rename without replacing, the file is linked, and its temporary name is unlinked, or may stay if that fails. What was
// done counts as done, also where the kernel says that it failed: a file that has its name is part of the log.
int rename_new(int directory, const char* temporary, const char* name);
// The same, but what has the name is replaced.
int rename_over(int directory, const char* temporary, const char* name);

// Takes room for the file from `from` to `to`; its size stays as it is. Returns 0, or −errno: −ENOSPC and −EDQUOT if there is
// no room, −EOPNOTSUPP if the file system cannot do that.
int reserve(int file, std::uint64_t from, std::uint64_t to);
// Gives back the room behind the end of a file that has these many bytes. A file of another size is left as it is: cutting one
// that somebody has cut would make it longer.
void give_back_reserve(int file, std::uint64_t bytes);

}  // namespace shmring::os
