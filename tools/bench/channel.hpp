// The kernel's own channels between processes, as descriptors. Nothing here waits: a call on a full or empty channel returns 0
// or false.
#pragma once

#include <cstddef>

namespace shmring::bench {

struct Ends {
  int in, out;
  std::size_t packet;   // bytes of the largest record
  std::size_t records;  // how many records the channel holds; 0: its limit is in bytes
};

// Opens a channel with room for `records` records of `bytes` bytes each, or with as much room as the kernel grants. Throws if
// that is impossible.
Ends open_pipe(std::size_t records, std::size_t bytes);
Ends open_seqpacket(std::size_t records, std::size_t bytes);
Ends open_queue(std::size_t records, std::size_t bytes);
void close_ends(const Ends& ends) noexcept;

bool send_packet(int end, const void* record, std::size_t bytes);
std::size_t receive_packet(int end, void* record, std::size_t room);
bool send_queued(int end, const void* record, std::size_t bytes);
std::size_t receive_queued(int end, void* record, std::size_t room);
// Sends all or nothing. Both parts together are at most PIPE_BUF.
bool send_parts(int end, const void* first, std::size_t first_bytes, const void* second, std::size_t second_bytes);
std::size_t receive_stream(int end, void* bytes, std::size_t room);

}  // namespace shmring::bench
