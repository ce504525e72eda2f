// What a new collector finds: the accounts (recovery.hpp), and how much of the log survives a power cut.
//
//   The mark is …               D                              the files beyond D
//   of this boot                what it says                   may lie, and are replaced (durability.hpp); cut at a byte 0
//   of an earlier boot          all that is whole              are read forward, and cut where they are not whole
//   torn                        the first unsealed file        are read forward and cut, and then replaced
//   absent                      the first unsealed file        may lie, and are replaced
//   of another place            the first file                 may lie, and are replaced: the log is a copy
//
// Invariants:
//   - only a mark of an earlier boot proves that what is read comes from the disk;
//   - nothing below D is ever cut. If it is missing or damaged, this is refused, and nothing is changed;
//   - what is cut, and files behind the cut, are kept in the directory under names outside the log's pattern;
//   - what was cut is gone from the disk before anything is appended there. Otherwise a power cut might put a line together of
//     old and new pages that looks whole.
// Thread role: the collector's, before it begins. It waits for the disk if it has cut something, and after a boot.
#pragma once

#include <string>
#include <string_view>

#include "lib/log/files/recovery.hpp"

namespace shmring::log {

// The caller holds the log's lock. Returns 0, or −errno with its text: see recover(), and −EBADMSG if something is missing of
// what was durable.
int restart(int directory, const std::string& dir, std::string_view ring, Recovered& out);

}  // namespace shmring::log
