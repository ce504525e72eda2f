// The layout of a segment in shared memory, and nothing else. Its prose twin is lib/LAYOUT.md.
//
//   header │ producer table: Entry × producers │ Lane × lanes │ slots: lanes × slots × slot_bytes
//
// Invariants:
//   - every struct is a whole number of cache lines, and each line has one writing role, named beside it;
//   - zero means free, empty, nothing: a fresh zeroed page is a valid empty table;
//   - all shared words are lock-free atomics; there is no pointer, no lock and no condition variable in here
//     (offset_ptr below is a distance, read once at attach and checked against the mapped size).
//
// Words, most significant bit first:
//
//   state word     63          lap          16 15      owner      3 2 state 0      owner: entry index + 1; 0: nobody
//   owner word     63     pid     42 41       start time        2 1 state 0      start time: clock ticks since boot; 0: unknown
//   account word   63              sequence                     1  0 finished
//   refusal word   63     refusals     32 31   mask   16 15 low16(n) 0            mask: one bit a Cause since the last publish
//   counter        63      count       32 31          low32(n)       0            n: the last sequence counted under it
#pragma once

#include <array>
#include <atomic>
#include <boost/interprocess/offset_ptr.hpp>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace shmring::ring {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

inline constexpr std::size_t line_bytes = 64;
inline constexpr u64 magic = 0x31676e69726d6873;  // "shmring1" in memory
inline constexpr u32 version = 4;
inline constexpr std::size_t name_bytes = 64;     // a name of at most 63 bytes and its NUL
inline constexpr std::size_t program_bytes = 56;  // a program's name of at most 55 bytes and its NUL
inline constexpr std::size_t type_names = 64;
inline constexpr u32 default_producers = 256;
inline constexpr u32 max_producers = 8190;  // 13 bits of the state word, plus one
inline constexpr u32 max_lanes = 64;

// A ring's identity, as stored in the header. All zero means that there is none, or that it is not known.
using RingId = std::array<u64, 2>;

enum class SlotState : u8 { empty = 0, writing = 1, ready = 2, reading = 3 };
enum class OwnerState : u8 { free = 0, attaching = 1, attached = 2, left = 3 };
enum class SegmentState : u32 { absent = 0, open = 1, retired = 2 };
enum class Clock : u32 { monotonic = 0, tsc = 1 };  // what `ticks` counts: nanoseconds of CLOCK_MONOTONIC, or TSC cycles
enum class OnFull : u32 { drop = 0, overwrite = 1, wait = 2, hybrid = 3 };

// Why a sequence has no event. The first `refusal_causes` are refusals by the handle, each with a counter in the entry.
enum class Cause : u8 {
  full,
  timeout,
  contended,
  too_big,
  no_room,
  aborted,
  retired,
  overwritten,
  died,
  corrupt,
  collector,
  refused
};
inline constexpr std::size_t refusal_causes = 7;
inline constexpr std::size_t causes = 12;

// Slot flags.
inline constexpr u16 flag_truncated = 1;
inline constexpr u16 flag_aborted = 2;

// Geometry flags.
inline constexpr u32 with_tripwire = 1;
inline constexpr u32 with_timestamp = 2;

// Sizes and policy, fixed at creation.
struct Geometry {
  u64 size;        // of the whole segment in bytes
  u32 slots;       // per lane, a power of two
  u32 slot_bytes;  // header included, a power of two, at least 128
  u32 lanes;       // lane 0 included
  u32 producers;   // entries of the producer table
  u32 max_record;  // bytes
  u32 on_full;     // OnFull
  u32 wait_us;     // microseconds
  u32 flags;       // with_tripwire, with_timestamp
  u32 clock;       // Clock
  u32 reserved;
};

struct TypeName {
  std::atomic<u64> word;  // type << 32 | check << 8 | state: 0 free, 1 being written, 2 written (release)
  char name[name_bytes - 8];
};

// What a slot says of its record. The hash covers all fields that follow it here, the payload after them, and what
// tripwire.hpp says.
struct RecordHeader {
  u32 hash;
  u32 refused;  // refusals of this producer before this record, mod 2^32
  u64 sequence;
  u64 ticks;  // of the segment's clock; 0: none
  u8 correlation[16];
  u32 type;
  u16 length;  // payload bytes in this slot
  u16 chunk;   // index of this chunk
  u16 chunks;  // of this record
  u8 kind;
  u8 severity;
  u16 flags;
  u16 why;  // causes of refusals since the last publish: one bit a Cause
};

// One cache line, followed by slot_bytes − 64 bytes of payload. The state word says who may write it.
struct Slot {
  std::atomic<u64> word;  // lap, owner, state
  RecordHeader header;
};

struct Entry {
  // line 1: the producer
  alignas(line_bytes) std::atomic<u64> owner;
  std::atomic<u64> account;
  std::atomic<u64> refusal;
  std::atomic<u64> incarnation;
  std::atomic<u64> lane;
  std::atomic<u64> waiting;  // 1: it waits for `durable` to come further
  u64 reserved1[2];
  // line 2: the producer
  std::atomic<u64> counters[refusal_causes];
  std::atomic<u64> nested;
  // line 3: the collector
  std::atomic<u64> logged;          // all sequences up to this one are in the log
  std::atomic<u64> durable;         // those of them that survive a power cut; its low half is the word that a waiter sleeps on
  std::atomic<u64> logged_refused;  // refusals among them
  u64 reserved3[5];
  // lines 4 and 5: the producer, before it is attached
  char name[name_bytes];
  u32 uid;
  u32 tid;
  char program[program_bytes];  // what the producer calls its program; nobody checks it
};

struct Lane {
  // line 1: attachers and the collector
  alignas(line_bytes) std::atomic<u64> owner;  // entry index + 1; 0: free. Always 0 for lane 0
  u64 reserved1[7];
  // line 2: producers
  std::atomic<u64> tail;
  u64 reserved2[7];
  // line 3: the collector
  std::atomic<u64> head;
  std::atomic<u64> high_water;  // most positions between head and tail that a pass has seen
  u64 reserved3[6];
  // line 4: the futex word and those who sleep on it
  std::atomic<u32> freed;
  std::atomic<u32> waiters;
  u64 reserved4[7];
};

// The status page: what the collector shows of itself (see status.hpp). Nobody decides anything about the ring from it.
struct StatusPage {
  alignas(line_bytes) std::atomic<u64> identity;  // owner word of the lease's holder, in state attached; 0: none
  std::atomic<u64> epoch;                         // collectors so far
  std::atomic<u64> heartbeat_ns;                  // CLOCK_MONOTONIC: when it last showed that it lives
  std::atomic<u64> wakeups;                       // times that it slept and woke
  std::atomic<u64> cpu_ns;                        // its processor time
  std::atomic<u64> logged;                        // events written
  std::atomic<u64> lost;                          // sequences written as lost
  std::atomic<u64> stalled;                       // slots on its stalled list
  // line 2: clock calibration: utc = anchor_utc + (ticks − anchor_ticks) · mult / 2^32; sequence odd while it is written
  std::atomic<u64> clock_sequence;
  std::atomic<u64> anchor_ticks;
  std::atomic<u64> anchor_utc_ns;
  std::atomic<u64> ns_per_tick_q32;
  std::atomic<u64> older_lost_by[4];  // in version 1: full, too_big, died, everything else; since then zero
};

enum class StatusState : u64 { none = 0, collecting = 1, log_failing = 2, starting = 3 };  // starting: no pass was made yet
enum class Level : u64 { none = 0, write = 1, interval = 2, every = 3, archived = 4 };     // how soon a line counts as stored

// The part of the status page that was added after version 1. The header of version 1 ends where this part begins.
struct StatusMore {
  // lines 1 and 2
  alignas(line_bytes) std::atomic<u64> losses[causes];  // sequences written as lost, by Cause
  std::atomic<u64> state, level;                        // StatusState, Level
  std::atomic<u64> durable_index, next_index;           // see LogFigures
  // lines 3 and 4
  std::atomic<u64> alarm, alarm_errno, alarm_utc_ns;  // code of a trouble that lasts (0: none), errno (0: none), since when
  std::atomic<u64> log_bytes, log_free_bytes, log_device, undurable_ns, signed_ns, archived_plus_1, unarchived_ns;
  u64 reserved2[6];
};

struct Header {
  // line 1
  alignas(line_bytes) u64 magic;
  u32 version;
  u32 word_bytes;   // sizeof(void*)
  u64 fingerprint;  // of sizes and offsets, see layout_fingerprint
  u64 boot_id[2];
  u64 pid_namespace;   // inode number
  u64 time_namespace;  // inode number; 0: the kernel has none
  u64 created_utc_ns;
  // line 2
  Geometry geometry;
  u64 identity[2];  // random, drawn at creation: a ring created again under the same name has another identity
  // line 3
  boost::interprocess::offset_ptr<Entry> entries;
  boost::interprocess::offset_ptr<Lane> lanes;
  boost::interprocess::offset_ptr<Slot> slots;
  u64 created_ticks;         // of the segment's clock, and …
  u64 created_monotonic_ns;  // … the monotonic time of the same moment, as the baseline of the calibration
  u64 incarnation_base;      // seconds since 2025 << 22
  u32 creator_pid;
  u32 creator_uid;
  u64 reserved3;
  // line 4: whoever unlinks
  std::atomic<u32> state;  // SegmentState
  u32 reserved4[15];
  // line 5: attachers
  std::atomic<u64> incarnations;  // handed out so far
  u64 reserved5[7];
  // lines 6 and 7
  StatusPage status;
  // lines 8 …
  char ring[name_bytes];
  TypeName types[type_names];
  StatusMore status_more;
};

// Every field with its offset. The offsets are asserted below, printed by the golden test, compared with lib/LAYOUT.md, and
// hashed into the fingerprint that attach compares.
#define SHMRING_LAYOUT(X)              \
  X(Geometry, size, 0)                 \
  X(Geometry, slots, 8)                \
  X(Geometry, slot_bytes, 12)          \
  X(Geometry, lanes, 16)               \
  X(Geometry, producers, 20)           \
  X(Geometry, max_record, 24)          \
  X(Geometry, on_full, 28)             \
  X(Geometry, wait_us, 32)             \
  X(Geometry, flags, 36)               \
  X(Geometry, clock, 40)               \
  X(Geometry, reserved, 44)            \
  X(TypeName, word, 0)                 \
  X(TypeName, name, 8)                 \
  X(RecordHeader, hash, 0)             \
  X(RecordHeader, refused, 4)          \
  X(RecordHeader, sequence, 8)         \
  X(RecordHeader, ticks, 16)           \
  X(RecordHeader, correlation, 24)     \
  X(RecordHeader, type, 40)            \
  X(RecordHeader, length, 44)          \
  X(RecordHeader, chunk, 46)           \
  X(RecordHeader, chunks, 48)          \
  X(RecordHeader, kind, 50)            \
  X(RecordHeader, severity, 51)        \
  X(RecordHeader, flags, 52)           \
  X(RecordHeader, why, 54)             \
  X(Slot, word, 0)                     \
  X(Slot, header, 8)                   \
  X(Entry, owner, 0)                   \
  X(Entry, account, 8)                 \
  X(Entry, refusal, 16)                \
  X(Entry, incarnation, 24)            \
  X(Entry, lane, 32)                   \
  X(Entry, waiting, 40)                \
  X(Entry, reserved1, 48)              \
  X(Entry, counters, 64)               \
  X(Entry, nested, 120)                \
  X(Entry, logged, 128)                \
  X(Entry, durable, 136)               \
  X(Entry, logged_refused, 144)        \
  X(Entry, reserved3, 152)             \
  X(Entry, name, 192)                  \
  X(Entry, uid, 256)                   \
  X(Entry, tid, 260)                   \
  X(Entry, program, 264)               \
  X(Lane, owner, 0)                    \
  X(Lane, reserved1, 8)                \
  X(Lane, tail, 64)                    \
  X(Lane, reserved2, 72)               \
  X(Lane, head, 128)                   \
  X(Lane, high_water, 136)             \
  X(Lane, reserved3, 144)              \
  X(Lane, freed, 192)                  \
  X(Lane, waiters, 196)                \
  X(Lane, reserved4, 200)              \
  X(StatusPage, identity, 0)           \
  X(StatusPage, epoch, 8)              \
  X(StatusPage, heartbeat_ns, 16)      \
  X(StatusPage, wakeups, 24)           \
  X(StatusPage, cpu_ns, 32)            \
  X(StatusPage, logged, 40)            \
  X(StatusPage, lost, 48)              \
  X(StatusPage, stalled, 56)           \
  X(StatusPage, clock_sequence, 64)    \
  X(StatusPage, anchor_ticks, 72)      \
  X(StatusPage, anchor_utc_ns, 80)     \
  X(StatusPage, ns_per_tick_q32, 88)   \
  X(StatusPage, older_lost_by, 96)     \
  X(StatusMore, losses, 0)             \
  X(StatusMore, state, 96)             \
  X(StatusMore, level, 104)            \
  X(StatusMore, durable_index, 112)    \
  X(StatusMore, next_index, 120)       \
  X(StatusMore, alarm, 128)            \
  X(StatusMore, alarm_errno, 136)      \
  X(StatusMore, alarm_utc_ns, 144)     \
  X(StatusMore, log_bytes, 152)        \
  X(StatusMore, log_free_bytes, 160)   \
  X(StatusMore, log_device, 168)       \
  X(StatusMore, undurable_ns, 176)     \
  X(StatusMore, signed_ns, 184)        \
  X(StatusMore, archived_plus_1, 192)  \
  X(StatusMore, unarchived_ns, 200)    \
  X(StatusMore, reserved2, 208)        \
  X(Header, magic, 0)                  \
  X(Header, version, 8)                \
  X(Header, word_bytes, 12)            \
  X(Header, fingerprint, 16)           \
  X(Header, boot_id, 24)               \
  X(Header, pid_namespace, 40)         \
  X(Header, time_namespace, 48)        \
  X(Header, created_utc_ns, 56)        \
  X(Header, geometry, 64)              \
  X(Header, identity, 112)             \
  X(Header, entries, 128)              \
  X(Header, lanes, 136)                \
  X(Header, slots, 144)                \
  X(Header, created_ticks, 152)        \
  X(Header, created_monotonic_ns, 160) \
  X(Header, incarnation_base, 168)     \
  X(Header, creator_pid, 176)          \
  X(Header, creator_uid, 180)          \
  X(Header, reserved3, 184)            \
  X(Header, state, 192)                \
  X(Header, reserved4, 196)            \
  X(Header, incarnations, 256)         \
  X(Header, reserved5, 264)            \
  X(Header, status, 320)               \
  X(Header, ring, 448)                 \
  X(Header, types, 512)                \
  X(Header, status_more, 4608)

struct Field {
  std::string_view type, name;
  std::size_t offset, size, type_size;
};

#define SHMRING_FIELD(type, name, at) Field{#type, #name, offsetof(type, name), sizeof(type::name), sizeof(type)},
inline constexpr Field layout_fields[] = {SHMRING_LAYOUT(SHMRING_FIELD)};
#undef SHMRING_FIELD

#define SHMRING_ASSERT(type, name, at) static_assert(offsetof(type, name) == (at), #type "::" #name);
SHMRING_LAYOUT(SHMRING_ASSERT)
#undef SHMRING_ASSERT

// Each field begins where the one before it ends, and the last field ends with its struct.
consteval bool layout_has_no_padding() {
  for (std::size_t i = 0; i < std::size(layout_fields); ++i) {
    const Field& field = layout_fields[i];
    const bool last = i + 1 == std::size(layout_fields) || layout_fields[i + 1].type != field.type;
    const std::size_t end = last ? field.type_size : layout_fields[i + 1].offset;
    if (field.offset + field.size != end) return false;
  }
  return true;
}

// FNV-1a over names, offsets and sizes.
consteval u64 layout_fingerprint() {
  u64 hash = 0xcbf29ce484222325;
  auto mix = [&hash](u64 byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (const Field& field : layout_fields) {
    for (char c : field.type) mix(static_cast<unsigned char>(c));
    for (char c : field.name) mix(static_cast<unsigned char>(c));
    mix(field.offset), mix(field.size), mix(field.type_size);
  }
  return hash;
}

static_assert(layout_has_no_padding());
static_assert(sizeof(Geometry) == 48 && alignof(Geometry) == 8);
static_assert(sizeof(TypeName) == line_bytes && alignof(TypeName) == 8);
static_assert(sizeof(RecordHeader) == line_bytes - 8 && alignof(RecordHeader) == 8);
static_assert(sizeof(Slot) == line_bytes && alignof(Slot) == 8);
static_assert(sizeof(Entry) == 5 * line_bytes && alignof(Entry) == line_bytes);
static_assert(sizeof(Lane) == 4 * line_bytes && alignof(Lane) == line_bytes);
static_assert(sizeof(StatusPage) == 2 * line_bytes && alignof(StatusPage) == line_bytes);
static_assert(sizeof(StatusMore) == 4 * line_bytes && alignof(StatusMore) == line_bytes);
static_assert(sizeof(Header) == 12 * line_bytes + type_names * sizeof(TypeName) && alignof(Header) == line_bytes);
static_assert(std::atomic<u64>::is_always_lock_free && std::atomic<u32>::is_always_lock_free);
static_assert(sizeof(std::atomic<u64>) == 8 && sizeof(std::atomic<u32>) == 4);
static_assert(sizeof(boost::interprocess::offset_ptr<Slot>) == 8);

}  // namespace shmring::ring
