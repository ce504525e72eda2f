// A transport passes records from one process to another. libshmring, the alternatives, the floors and the kernel's channels
// have this in common.
//
// Invariants:
//   - a transport has a name. One process calls create() and remove(). Each process that needs a Writer or a Reader opens one,
//     and the destructor closes it. There is one Reader at a time;
//   - write() takes the whole record or nothing. It returns false if the transport was full;
//   - read() hands each record over once, in each writer's order, and returns how many there were. It never waits for a record;
//   - a transport that cannot be opened, or is found broken, is an exception.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>

namespace shmring::bench {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

// What a write to a full transport does. Only some transports have anything but `refuse`.
enum class WhenFull : std::uint8_t { refuse, overwrite, wait, hybrid };

struct Shape {
  u32 slots;          // how many records there is room for; a power of two, at least 64
  u32 bytes;          // the size of the largest record
  u32 producers = 1;  // the most writers at one time
  WhenFull when_full = WhenFull::refuse;
};

enum class Role : std::uint8_t { floor, alternative, kernel, libshmring, collector };

// The most records that one read() hands over. A reader that locks copies them under one lock.
inline constexpr std::size_t read_batch = 64;

struct AnySink {
  void operator()(const std::byte*, std::size_t) const {}
};

template <class T>
concept Transport = requires(const std::string& name, const Shape& shape, typename T::Writer& writer,
                             typename T::Reader& reader, const void* record, std::size_t bytes, AnySink sink) {
  { T::name } -> std::convertible_to<const char*>;
  { T::role } -> std::convertible_to<Role>;
  { T::overwrites } -> std::convertible_to<bool>;      // has WhenFull::overwrite; only libshmring has `wait` and `hybrid`
  { T::survives_death } -> std::convertible_to<bool>;  // survives the death of a writer in the middle of a write
  { T::max_producers } -> std::convertible_to<u32>;
  T::create(name, shape);
  { T::remove(name) }
  noexcept;  // allowed if there is no transport of this name
  requires std::constructible_from<typename T::Writer, const std::string&>;
  requires std::constructible_from<typename T::Reader, const std::string&>;
  { writer.write(record, bytes) } -> std::same_as<bool>;
  { reader.read(sink) } -> std::same_as<std::size_t>;  // sink(record, bytes): the record is valid during that call
};

}  // namespace shmring::bench
