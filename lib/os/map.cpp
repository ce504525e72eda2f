// Boost.Interprocess over a checked descriptor, see map.hpp. Invariant: no exception leaves this file.
#include "lib/os/map.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <new>

#include "lib/os/calls.hpp"

namespace shmring::os {
namespace {

namespace bip = boost::interprocess;

// A descriptor in the form that Boost expects for mapping. mapped_region keeps no reference to it.
struct Mappable {
  int fd;
  bip::mapping_handle_t get_mapping_handle() const { return bip::ipcdetail::mapping_handle_from_file_handle(fd); }
};

int map_with(int fd, std::uint64_t bytes, bip::mode_t mode, bip::map_options_t options, bip::mapped_region& out) {
  try {
    bip::mapped_region region(Mappable{fd}, mode, 0, bytes, nullptr, options);
    out.swap(region);
    return 0;
  } catch (const bip::interprocess_exception& error) {
    return error.get_native_error() ? -error.get_native_error() : -ENOMEM;
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  }
}

std::uintptr_t zeroed_bytes;  // read by the signal handler, and set before it is there

}  // namespace

int map(int fd, std::uint64_t bytes, bip::mode_t mode, bip::mapped_region& out) {
  bip::mapped_region region;
  if (const int error = map_with(fd, bytes, mode, bip::default_map_options, region)) return error;
  for (const int advice : {MADV_DONTFORK, MADV_DONTDUMP})
    if (calls.madvise(region.get_address(), bytes, advice) != 0) return -errno;
  out.swap(region);
  return 0;
}

int map_zeros(std::uint64_t bytes, bip::mapped_region& out) {
  return map_with(-1, bytes, bip::copy_on_write, MAP_ANONYMOUS | MAP_NORESERVE, out);
}

int read_zeros_where_truncated(std::size_t page_bytes) {
  zeroed_bytes = page_bytes;
  struct sigaction action {};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = [](int signal, siginfo_t* info, void*) {
    // One page, where the access was. If that fails, the access ends the process, as it would have.
    const std::uintptr_t page = zeroed_bytes;
    auto* const at = static_cast<char*>(info->si_addr) - reinterpret_cast<std::uintptr_t>(info->si_addr) % page;
    const bool mapped = info->si_code == BUS_ADRERR &&
                        calls.mmap(at, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
    struct sigaction usual {};
    usual.sa_handler = SIG_DFL;
    if (!mapped) calls.sigaction(signal, &usual, nullptr);
  };
  return calls.sigaction(SIGBUS, &action, nullptr) == 0 ? 0 : -errno;
}

}  // namespace shmring::os
