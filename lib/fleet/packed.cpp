// The bytes of a message, packed by zstd, and back: see message.hpp.
#include <zstd.h>

#include <memory>

#include "lib/fleet/message.hpp"

namespace shmring::fleet {
namespace {

constexpr int level = 1;

// A context of each thread, made once: making one costs more than a short message.
ZSTD_CCtx* packing() {
  thread_local const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  return context.get();
}
ZSTD_DCtx* unpacking() {
  thread_local const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  return context.get();
}

}  // namespace

std::string pack(std::string_view bytes) {
  thread_local std::string out;  // memory that is new for each message costs as much as packing
  if (out.size() < ZSTD_compressBound(bytes.size())) out.resize(ZSTD_compressBound(bytes.size()));
  ZSTD_CCtx* const context = packing();
  if (context == nullptr) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  const std::size_t size = ZSTD_compress2(context, out.data(), out.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(size)) throw std::bad_alloc();  // with room for the bound, zstd fails only for want of memory
  return out.substr(0, size);
}

std::string unpack(std::string_view data, std::size_t bytes, std::string& out) {
  out.resize(bytes);
  ZSTD_DCtx* const context = unpacking();
  if (context == nullptr) throw std::bad_alloc();
  const std::size_t size = ZSTD_decompressDCtx(context, out.data(), bytes, data.data(), data.size());
  if (ZSTD_isError(size)) return std::string("its data is damaged: ") + ZSTD_getErrorName(size);
  if (size != bytes) return "its data has " + std::to_string(size) + " bytes, and its header says " + std::to_string(bytes);
  return {};
}

}  // namespace shmring::fleet
