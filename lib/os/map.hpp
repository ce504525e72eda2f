// The one place where a segment is mapped, by Boost.Interprocess, from a descriptor that was opened and checked here.
#pragma once

#include <boost/interprocess/mapped_region.hpp>
#include <cstddef>
#include <cstdint>

namespace shmring::os {

// Maps the first `bytes` of `fd`, shared. Neither a forked child nor a core dump gets these pages. Returns 0 or −errno.
int map(int fd, std::uint64_t bytes, boost::interprocess::mode_t mode, boost::interprocess::mapped_region& out);

// Maps `bytes` of private zeros, read-write, for a file whose end is missing. Returns 0 or −errno.
int map_zeros(std::uint64_t bytes, boost::interprocess::mapped_region& out);

// From now on, a page of a mapping that lies beyond the end of its file reads as zeros, in place of ending the process by
// SIGBUS. For a program that only looks, and must not end because somebody truncates what it looks at. Returns 0 or −errno.
// The kernel's pages have 4096 bytes, or, on arm64, 16 or 64 KiB; it replaces none in part.
int read_zeros_where_truncated(std::size_t page_bytes = boost::interprocess::mapped_region::get_page_size());

}  // namespace shmring::os
