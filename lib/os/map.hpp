// The one place where a segment is mapped, by Boost.Interprocess, over a descriptor that was opened and checked here.
#pragma once

#include <boost/interprocess/mapped_region.hpp>
#include <cstdint>

namespace shmring::os {

// Map the first `bytes` of `fd`, shared. Neither a forked child nor a core dump gets these pages. 0 or −errno.
int map(int fd, std::uint64_t bytes, boost::interprocess::mode_t mode, boost::interprocess::mapped_region& out);

// `bytes` of private zeros, read-write, for a file whose end is missing. 0 or −errno.
int map_zeros(std::uint64_t bytes, boost::interprocess::mapped_region& out);

}  // namespace shmring::os
