// A fuzz target under the memory sanitizer: main() runs it over files, and over changed copies of them from a seed. libFuzzer's
// own runtime would share std::string with the instrumented code, and is not instrumented.
//
// Invariants:
//   - what the libraries libstdc++ and libzstd write, rather than their headers, is told to the sanitizer here, call by call;
//   - no shared mapping is given back that has a byte which nobody wrote: whoever maps it next would read what the writer's own
//     memory held.
//
// usage: PROGRAM SECONDS SEED FILE…
#include <sys/mman.h>

#include <charconv>
#include <chrono>
#include <map>
#include <random>
#include <vector>

#include "tests/fuzz/input.hpp"
#include "tests/fuzz/place.hpp"
#include "tools/shmring/commands.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes);

// Left out: see place.hpp.
namespace shmring::tool {
void register_dump(Command) {}
void register_log(Command) {}
}  // namespace shmring::tool

// The nodes of std::map and std::set are linked in the library.
using Node = std::_Rb_tree_node_base;
#define TREE_INSERT "_ZSt29_Rb_tree_insert_and_rebalancebPSt18_Rb_tree_node_baseS0_RS_"
void real_insert(bool left, Node* node, Node* parent, Node& header) noexcept asm("__real_" TREE_INSERT);
void insert(bool left, Node* node, Node* parent, Node& header) noexcept asm("__wrap_" TREE_INSERT);
void insert(bool left, Node* node, Node* parent, Node& header) noexcept {
  real_insert(left, node, parent, header);
  __msan_unpoison(node, sizeof *node);
}

// Numbers with a fraction are written and read there.
#define TO_CHARS "_ZSt8to_charsPcS_d"
std::to_chars_result real_to_chars(char* from, char* to, double value) noexcept asm("__real_" TO_CHARS);
std::to_chars_result to_chars(char* from, char* to, double value) noexcept asm("__wrap_" TO_CHARS);
std::to_chars_result to_chars(char* from, char* to, double value) noexcept {
  const std::to_chars_result result = real_to_chars(from, to, value);
  __msan_unpoison(from, static_cast<std::size_t>(result.ptr - from));
  return result;
}
#define FROM_CHARS "_ZSt10from_charsPKcS0_RdSt12chars_format"
std::from_chars_result real_from_chars(const char* from, const char* to, double& out, std::chars_format format) noexcept
    asm("__real_" FROM_CHARS);
std::from_chars_result from_chars(const char* from, const char* to, double& out, std::chars_format format) noexcept
    asm("__wrap_" FROM_CHARS);
std::from_chars_result from_chars(const char* from, const char* to, double& out, std::chars_format format) noexcept {
  const std::from_chars_result result = real_from_chars(from, to, out, format);
  if (result.ec == std::errc{}) __msan_unpoison(&out, sizeof out);
  return result;
}

// It returns how many bytes it has written, or an error, which is a larger number than any room.
struct ZSTD_DCtx_s;
extern "C" std::size_t __real_ZSTD_decompressDCtx(ZSTD_DCtx_s* context, void* to, std::size_t room, const void* from,
                                                  std::size_t bytes);
extern "C" std::size_t __wrap_ZSTD_decompressDCtx(ZSTD_DCtx_s* context, void* to, std::size_t room, const void* from,
                                                  std::size_t bytes) {
  const std::size_t written = __real_ZSTD_decompressDCtx(context, to, room, from, bytes);
  if (written <= room) __msan_unpoison(to, written);
  return written;
}

static void* shared_mapping;  // the last one
extern "C" void* __real_mmap(void* at, std::size_t bytes, int protection, int flags, int fd, off_t offset);
extern "C" void* __wrap_mmap(void* at, std::size_t bytes, int protection, int flags, int fd, off_t offset) {
  void* mapping = __real_mmap(at, bytes, protection, flags, fd, offset);
  if ((flags & MAP_TYPE) == MAP_SHARED) shared_mapping = mapping;
  return mapping;
}
extern "C" int __real_munmap(void* at, std::size_t bytes);
extern "C" int __wrap_munmap(void* at, std::size_t bytes) {
  if (at == shared_mapping) shmring::fuzz::must_be_written(at, bytes);
  return __real_munmap(at, bytes);
}

int main(int argc, char** argv) {
  using Bytes = std::vector<std::uint8_t>;
  std::vector<Bytes> inputs;
  for (int i = 3; i < argc; ++i) {
    const std::string text = shmring::fuzz::read_file(argv[i]);
    inputs.emplace_back(text.begin(), text.end());
  }
  for (const Bytes& input : inputs) LLVMFuzzerTestOneInput(input.data(), input.size());
  std::size_t changed = 0;
  std::mt19937_64 random(std::strtoull(argv[2], nullptr, 10));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::atoi(argv[1]));
  for (; std::chrono::steady_clock::now() < end; ++changed) {
    Bytes input = inputs[random() % inputs.size()];
    const Bytes& other = inputs[random() % inputs.size()];
    if (random() % 4 == 0) input.insert(input.end(), other.begin(), other.end());
    for (std::size_t i = random() % 4; i > 0 && !input.empty(); --i) input[random() % input.size()] = random() % 256;
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu\n", inputs.size() + changed);
}
