// Boost.Interprocess over a checked descriptor, see map.hpp. Invariant: no exception leaves this file.
#include "lib/os/map.hpp"

#include <sys/mman.h>

#include <cerrno>
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

}  // namespace shmring::os
