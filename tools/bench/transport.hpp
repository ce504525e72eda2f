// What the alternatives, the floors and libshmring have in common: records go in at one process and come out at
// another.
//
// Invariants:
//   - a transport lives in shared memory under a name; create() and remove() are one process's, a Writer or a Reader
//     is opened by each process that needs one, and closed by its destructor. There is one Reader at a time;
//   - write() takes the whole record or nothing: false says that the transport was full;
//   - read() hands the records over in each writer's order, each once, and says how many these were; it never waits
//     for one;
//   - what cannot be opened, or is found broken, is an exception.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>

namespace shmring::bench {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

// What a write does where there is no room, where the kind knows more than to refuse it.
enum class WhenFull : std::uint8_t { refuse, overwrite, wait, hybrid };

struct Shape {
  u32 slots;          // records that it has room for; a power of two, at least 64
  u32 bytes;          // of the largest record
  u32 producers = 1;  // at a time
  WhenFull when_full = WhenFull::refuse;
};

enum class Role : std::uint8_t { floor, alternative, kernel, libshmring, collector };

// Records that one read() hands over at most, and a reader that locks takes out under one lock.
inline constexpr std::size_t read_batch = 64;

struct AnySink {
  void operator()(const std::byte*, std::size_t) const {}
};

template <class T>
concept Transport = requires(const std::string& name, const Shape& shape, typename T::Writer& writer,
                             typename T::Reader& reader, const void* record, std::size_t bytes, AnySink sink) {
  { T::name } -> std::convertible_to<const char*>;
  { T::role } -> std::convertible_to<Role>;
  { T::overwrites } -> std::convertible_to<bool>;      // knows WhenFull::overwrite; libshmring alone knows those that wait
  { T::survives_death } -> std::convertible_to<bool>;  // of a writer in the middle of a write
  { T::max_producers } -> std::convertible_to<u32>;
  T::create(name, shape);
  { T::remove(name) }
  noexcept;  // also where there is nothing
  requires std::constructible_from<typename T::Writer, const std::string&>;
  requires std::constructible_from<typename T::Reader, const std::string&>;
  { writer.write(record, bytes) } -> std::same_as<bool>;
  { reader.read(sink) } -> std::same_as<std::size_t>;  // sink(record, bytes), valid during the call
};

}  // namespace shmring::bench
