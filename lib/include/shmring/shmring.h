/* libshmring: write audit records into a shared-memory ring, in tens of nanoseconds. Every record that is lost is counted.
 *
 * This header is the whole C ABI. Invariants:
 *   - handles are opaque. Nothing here throws, ends the process, prints, or allocates after attach;
 *   - a result of type int is 0 if the call did its work, a documented condition (> 0) that the caller may act on, or -errno;
 *   - every call that takes a sequence (see shmring_write) is in the collector's log exactly once: as an event, or within a
 *     loss line that names producer, range and cause;
 *   - options structs start with struct_size, so that they can grow. Zero in a field means the default;
 *   - names of rings and producers have 1 to 63 bytes of [A-Za-z0-9._-], and are neither "." nor "..". Sizes are in bytes, and
 *     do not include a terminating NUL.
 *
 * Thread role: ONE HANDLE PER THREAD. Any thread may create, unlink and attach. A shmring_producer is used by one thread at a
 * time, which is called the handle's thread below. It may be handed to another thread while no claim is open, if something (a
 * mutex, a queue) orders the two threads. Each thread that writes attaches a handle of its own, which takes one place of
 * shmring_create_options.producers and a page of memory. PerThread in shmring.hpp does this by itself.
 *
 * Misuse: a call that finds another call of its handle under way returns SHMRING_NESTED. It takes no sequence and changes only
 * a count. The count is exact: `nested` in the handle's closing line is the number of calls that returned NESTED before the
 * detach. A call from a signal handler is always detected. A call from a second thread is detected, unless both calls began
 * within the same nanoseconds, or a thread was preempted just there. Then both calls run. Even so no call crashes or hangs, the
 * log verifies, and what other handles write() is untouched. But a result of 0 no longer proves that a record of this handle is
 * in the log as it was written, or at all, since two calls may have shared a sequence or a slot. Writing in place is worse:
 * another thread may have published what one thread still fills, and the slot may already belong to another handle. If the
 * signal handlers of an application do not write, a `nested` above 0 is a mistake in the application. shmring_detach frees the
 * handle: no other call of it may be under way at that time, or come later.
 * SPDX-License-Identifier: MIT */
#ifndef SHMRING_H
#define SHMRING_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SHMRING_API __attribute__((visibility("default")))
#else
#define SHMRING_API
#endif

#define SHMRING_VERSION_MAJOR 0
#define SHMRING_VERSION_MINOR 4
#define SHMRING_VERSION (SHMRING_VERSION_MAJOR << 16 | SHMRING_VERSION_MINOR) /* of this header; see shmring_version */

/* Conditions (> 0). A call that returns one has taken a sequence, which is in the log, unless it is shmring_wait_durable, or
 * returned NESTED, FORKED, or RETIRED before it waited. "Counted loss" means that the log reports this sequence as lost. */
enum shmring_condition {
  SHMRING_FULL = 1,    /* the ring was full, too contended, or had no room for all chunks: counted loss */
  SHMRING_TOO_BIG = 2, /* longer than max_record (write), than one slot (claim), or than was claimed (commit): counted loss */
  SHMRING_NESTED = 3,  /* another call of this handle is under way, which a signal handler interrupted or another thread made:
                          no sequence, counted as nested */
  SHMRING_RETIRED = 4, /* the ring was unlinked, or retired by a remover that kept it after all: attach anew. A counted loss if
                          the call waited for room; otherwise no sequence */
  SHMRING_FORKED = 5,  /* the handle belongs to the parent process: attach anew in the child. No sequence */
  SHMRING_TIMEOUT = 6  /* policy wait or hybrid, or attach option wait_us: still full at the deadline: counted loss.
                          shmring_wait_durable: not durable at the deadline; that call takes no sequence, and loses nothing */
};

/* What a payload is: UTF-8 text, one JSON value, fields as below, or any bytes. Text that is not UTF-8 is logged as base64. A
 * payload that should be JSON or fields and is not is logged as text or base64, and marked invalid. */
enum shmring_kind { SHMRING_KIND_TEXT = 0, SHMRING_KIND_JSON = 1, SHMRING_KIND_FIELDS = 2, SHMRING_KIND_BYTES = 3 };

/* The encoding of SHMRING_KIND_FIELDS (shmring.hpp has an encoder). Fields follow each other, with nothing before, between or
 * after them. A field is
 *
 *   head     1 byte    enum shmring_field_type in the low four bits; n, 0 ... 8, in the high four
 *   size     1 byte    of the key, 1 ... 255
 *   key                `size` bytes of UTF-8, without a NUL; no key comes twice in a record
 *   number   n bytes   little-endian; the bytes that n leaves out are zeros, or for INT and TIME copies of the sign
 *   content            for TEXT and BYTES only: `number` bytes
 *
 * A record has 0 to SHMRING_MAX_FIELDS fields. Anything else is invalid: it is logged as base64, and marked.
 * In the log a record is an object with its fields in their order. Integers beyond +-(2^53 - 1) are strings of digits, since
 * most readers of JSON would round them. Doubles have the fewest digits that read back the same; NaN and infinities are "NaN",
 * "Infinity" and "-Infinity". Times are RFC 3339 with nanoseconds. Bytes, and text that is not UTF-8, are
 * {"base64":"..."}. */
enum shmring_field_type {
  SHMRING_FIELD_INT = 1,    /* number: signed, 64 bits */
  SHMRING_FIELD_UINT = 2,   /* number: 64 bits */
  SHMRING_FIELD_DOUBLE = 3, /* number: IEEE 754, 64 bits, n = 8 */
  SHMRING_FIELD_BOOL = 4,   /* number: 0 or 1 */
  SHMRING_FIELD_TEXT = 5,   /* content: UTF-8 */
  SHMRING_FIELD_BYTES = 6,  /* content: any bytes */
  SHMRING_FIELD_TIME = 7    /* number: signed, 64 bits, nanoseconds since 1970-01-01 00:00 UTC */
};
#define SHMRING_MAX_FIELDS 1024

/* shmring_attach_options.lane. AUTO takes an exclusive lane if one is free, and otherwise the shared lane. */
enum shmring_lane { SHMRING_LANE_AUTO = 0, SHMRING_LANE_SHARED = 1, SHMRING_LANE_EXCLUSIVE = 2 };

/* shmring_create_options.on_full: what a write to a full ring does. The write always ends, and every loss is counted. */
enum shmring_policy {
  SHMRING_POLICY_DROP = 0,      /* it returns FULL at once */
  SHMRING_POLICY_OVERWRITE = 1, /* it takes the place of the oldest record, which is then lost */
  SHMRING_POLICY_WAIT = 2,      /* it waits for up to wait_us, then returns TIMEOUT */
  SHMRING_POLICY_HYBRID = 3     /* like wait, with a shorter default for wait_us */
};

/* shmring_meta.flags */
#define SHMRING_META_TRUNCATE 1u /* write: cut what is longer than max_record, and say so in the line */

/* shmring_create_options.flags */
#define SHMRING_CREATE_NO_TRIPWIRE 1u  /* no 32-bit hash per record: a stray write by the application goes unnoticed */
#define SHMRING_CREATE_NO_TIMESTAMP 2u /* no timestamp per record: lines carry the time at which they were drained */

typedef struct shmring_producer shmring_producer;

/* The meta data of a record, 24 bytes. The struct has no size in it, and grows only at its end. A field that a later version
 * adds is read only if a new bit in `flags` says that it is there. A bit that this version does not know is -EINVAL, so that
 * the caller of a newer header learns that the library is too old. */
typedef struct shmring_meta {
  uint32_t type;           /* the application's record type; 0: none; see shmring_name_type */
  uint8_t kind;            /* enum shmring_kind; any other value is -EINVAL */
  uint8_t severity;        /* 0 ... 255, on the application's own scale (syslog's 0 ... 7 is usual) */
  uint16_t flags;          /* SHMRING_META_...; any other bit is -EINVAL */
  uint8_t correlation[16]; /* a W3C trace id fits; all zero: absent */
} shmring_meta;

/* Options structs. struct_size is the size that the caller's header knows. A smaller struct leaves the rest at its default. In
 * a larger one, each byte that this version does not know must be zero. Otherwise the call returns -EINVAL with a text that
 * names the byte. */
typedef struct shmring_create_options {
  uint32_t struct_size; /* sizeof(shmring_create_options) */
  uint32_t slots;       /* per lane; a power of two, 64 ... 2^24; default 16384 */
  uint32_t slot_bytes;  /* a power of two, 128 ... 65536, of which 64 are header; default 256 */
  uint32_t lanes;       /* 1 ... 64, including lane 0, which is shared; default 8 */
  uint32_t on_full;     /* enum shmring_policy; default drop */
  uint32_t wait_us;     /* how long wait and hybrid wait, in microseconds; default 100 000, hybrid 1 000 */
  uint32_t max_record;  /* largest payload in bytes, at most a quarter of a lane and at most 22 194 858 (21 MiB), which fits
                           into a line of the log whatever its bytes are; default 65 536, or that quarter if it is less */
  uint32_t mode;        /* permission bits of the segment, none beyond 0660; default 0600, with a group 0660 */
  const char* group;    /* group of the segment; NULL: the creator's */
  uint32_t flags;       /* SHMRING_CREATE_...; any other bit is -EINVAL */
  uint32_t producers;   /* the most producers at one time, 1 ... 8190; default 256 */
} shmring_create_options;

typedef struct shmring_attach_options {
  uint32_t struct_size;                 /* sizeof(shmring_attach_options) */
  uint32_t lane;                        /* enum shmring_lane; default auto */
  const char* name;                     /* the producer's name in the log; NULL: the program's name */
  const char* owner;                    /* a user (name or decimal number) whose rings are trusted as well, beside those of the
                                           caller, of root, and of the owner of a ring directory that nobody else may write;
                                           NULL: $SHMRING_OWNER, if that is set */
  const shmring_create_options* create; /* not NULL: create the ring if it is absent */
  uint32_t wait_us;                     /* not 0: how long a write of this handle waits if the ring is full, in microseconds,
                                           whatever the ring's policy is */
  uint32_t flags;                       /* none is defined: any value but 0 is -EINVAL */
} shmring_attach_options;

/* Creates the ring. All of its memory, slots * lanes * slot_bytes and 320 bytes per producer, is reserved and touched here, so
 * that a full tmpfs is an error now and not a SIGBUS later. `options` NULL: all defaults.
 * Thread role: any thread; not on the write path, and not in a signal handler.
 * Errors: EINVAL (ring NULL; a name, an option, or a group that does not exist; the text says which), EEXIST, ENOENT (no
 * directory for rings), EACCES, EPERM (the caller is not in the group), ENOSPC (also above the limit for a file's size), ENOMEM
 * (also above what a control group's limit leaves, beyond which the kernel would kill the application), EINTR (signals kept
 * interrupting it), or the error of another system call. */
SHMRING_API int shmring_create(const char* ring, const shmring_create_options* options);

/* Retires the ring and removes its name. Attached producers see RETIRED, and a running collector drains what is there. Without
 * a collector the content of the ring is lost. This includes what producers still write that attached before the ring was
 * retired, and the rest of a write that was under way. A later attach waits, and finds no ring or a new one. `shmring rm`, in
 * contrast, refuses if something would be lost.
 * Thread role: any thread; not in a signal handler.
 * Errors: EINVAL (ring NULL, or the name), ENOENT, EACCES, EPERM, EBUSY (another process is removing it), and EPROTO, ENOEXEC
 * and EBADMSG as for attach: a file that is not our ring stays where it is. A ring that cannot be removed goes on as before. A
 * ring that is retired or of another boot is removed like any other. */
SHMRING_API int shmring_unlink(const char* ring);

/* Attaches as a producer. *out is a new handle, which the caller ends with shmring_detach; on an error it is NULL. `options`
 * NULL: all defaults.
 * Thread role: any thread, which is then the handle's thread; not in a signal handler.
 * Errors: ENOENT (no such ring), EACCES (permission), EPERM (wrong owner or mode, or not a regular file), ESTALE (of another
 * boot, or still retired by a remover after a wait of 200 ms: try again), EPROTO (another version), ENOEXEC (another layout),
 * EBADMSG (size or geometry), EUSERS (the producer table is full), EBUSY (no exclusive lane is free), EINVAL (out or ring NULL;
 * a name or an option; or the kernel cannot wipe memory on fork), ENOMEM, with `create` those of shmring_create but EEXIST, or
 * the error of another system call. After EUSERS and EBUSY try again: while a collector runs, a place is free within 200 ms
 * after a death or a detach. */
SHMRING_API int shmring_attach(const char* ring, const shmring_attach_options* options, shmring_producer** out);

/* Writes one record of `bytes` bytes, at most max_record. It takes a sequence, unless it returns < 0, NESTED, FORKED, or
 * RETIRED before it waited. It takes no lock, allocates nothing, and makes no system call under the policies drop and
 * overwrite. `meta` NULL: text of type 0. `payload` may be NULL if `bytes` is 0, and must not
 * change during the call: otherwise the record may be lost as corrupt. With SHMRING_META_TRUNCATE a record longer
 * than max_record is cut to that length; text is cut between two characters. Async-signal-safe.
 * Thread role: the handle's thread.
 * Conditions: FULL, TOO_BIG (above max_record), NESTED, RETIRED, FORKED, TIMEOUT.
 * Errors: EINVAL (producer or payload NULL, kind, flags). write, claim, commit and abort set no text for shmring_last_error,
 * because that costs too much here; the text of an earlier call stays. shmring_strerror has a text for each code. */
SHMRING_API int shmring_write(shmring_producer* producer, const shmring_meta* meta, const void* payload, size_t bytes);

/* Claims a slot for writing in place, which copies nothing: fill *payload, then commit or abort. The limit is not max_record
 * but one slot, shmring_slot_payload bytes.
 *
 * claim takes a sequence and waits like write. On 0 the caller owns the `bytes` bytes at *payload until commit or abort; at
 * first they hold an older record. On any other result *payload is NULL, and there is no claim to end. A child that is forked
 * in between has no memory at *payload.
 * Thread role: the handle's thread. Async-signal-safe.
 * Conditions: FULL, TOO_BIG (above one slot), NESTED, RETIRED, FORKED, TIMEOUT. Errors: EINVAL (producer or payload NULL). */
SHMRING_API int shmring_claim(shmring_producer* producer, size_t bytes, void** payload);

/* Publishes the first `bytes` bytes of what was claimed, with this meta data (NULL: as for write; flags must be 0). This ends
 * the claim. It does so on TOO_BIG, too: `bytes` is more than was claimed, and the record is a counted loss.
 * Thread role: the thread that claimed. Async-signal-safe.
 * Conditions: TOO_BIG, NESTED, FORKED. Errors: EINVAL (producer NULL; no claim is open; or kind or flags, and then the claim
 * stays open). */
SHMRING_API int shmring_commit(shmring_producer* producer, const shmring_meta* meta, size_t bytes);

/* Gives the claim up. Its sequence is a loss of cause `aborted`.
 * Thread role: the thread that claimed. Async-signal-safe.
 * Conditions: NESTED, FORKED. Errors: EINVAL (producer NULL, or no claim is open).
 *
 * Between claim and commit only the thread that claimed may use the handle, and only for commit and abort. If it leaves by an
 * exception, longjmp or siglongjmp, no harm is done: the handle's next write or claim, or its detach, aborts the claim. If the
 * process ends first, the collector counts the sequence as `died`. A signal handler that writes through the same handle in
 * between looks no different: it aborts the claim, too. *payload may then belong to another record, and nothing may be stored
 * there any more. So give a signal handler a handle of its own, or block the signal until commit. */
SHMRING_API int shmring_abort(shmring_producer* producer);

/* Returns the payload bytes of one slot, which is the most that a claim may ask for, or 0 if producer is NULL or the parent
 * process's.
 * Thread role: any thread, before the detach. */
SHMRING_API size_t shmring_slot_payload(const shmring_producer* producer);

/* Returns for how many microseconds a write or claim of this handle waits at most if the ring is full: by the ring's policy, or
 * by the attach option wait_us. 0: it never waits; or producer is NULL or the parent process's. It lets the binding of another
 * language decide whether a call may hold an interpreter's lock.
 * Thread role: any thread, before the detach. */
SHMRING_API uint32_t shmring_wait_us(const shmring_producer* producer);

/* Returns the sequence of the last attempt on this handle, counted from 1, or 0 if there was none yet, or if producer is NULL
 * or the parent process's.
 * Thread role: the handle's thread. */
SHMRING_API uint64_t shmring_sequence(const shmring_producer* producer);

/* Returns the number of this attachment, which is below 2^53 and used only once in this ring, or 0 if producer is NULL or the
 * parent process's.
 * Thread role: any thread, before the detach. */
SHMRING_API uint64_t shmring_incarnation(const shmring_producer* producer);

/* Copies the identity of the handle's ring: 16 random bytes, drawn at its creation, which the log shows as "ring_id". (ring_id,
 * incarnation, sequence) names a record for ever, even if a ring of the same name is created anew. On any result but 0 the
 * bytes are zeros.
 * Thread role: any thread, before the detach.
 * Condition: FORKED. Errors: EINVAL (producer or ring_id NULL). */
SHMRING_API int shmring_ring_id(const shmring_producer* producer, uint8_t ring_id[16]);

/* Gives a record type a name of 1 to 55 bytes of [A-Za-z0-9._-], which the log then shows instead of the number. A type has one
 * name per ring; giving the same name again returns 0. Takes no sequence.
 * Thread role: any thread, before the detach.
 * Condition: FORKED. Errors: EEXIST (the type has another name), ENOSPC (the ring has 64 names already), EINVAL (producer or
 * name NULL, type 0, or not a valid name). */
SHMRING_API int shmring_name_type(shmring_producer* producer, uint32_t type, const char* name);

/* Waits until `sequence` and all sequences of this handle before it are durable, for at most timeout_ns nanoseconds: they
 * stand in the collector's log, and the log was synced, so that they survive a power cut. `sequence` is one that
 * shmring_sequence has returned; 0 is durable at once. A timeout of 0 only asks, and UINT64_MAX waits without an end.
 *
 * 0 says that each of these sequences is in the log as an event or as a loss: whether a record was lost is what its write()
 * returned. Only a record that a stray write of the application has hit may be a loss of cause `corrupt` although its write()
 * returned 0. A refused attempt is a loss like any other, and is waited for like any other.
 *
 * How long it takes is up to the collector's level: `every` syncs the log without a pause, `interval` every 20 ms. At the level
 * `archived` they are durable when an archive on another machine has them, too, which is a second or two later. A refused
 * attempt with no record behind it may take 200 ms more. If no collector runs, the call waits for one. If a collector is
 * killed, the call waits for the next one, and learns within 50 ms of what is durable, even if nobody wakes it.
 *
 * An open claim is aborted first. It takes no sequence, and allocates nothing. It is a call of this handle for as long as it
 * waits: a signal handler that uses the handle meanwhile is refused as NESTED.
 * Thread role: the handle's thread; not in a signal handler.
 * Conditions: TIMEOUT (not durable yet), RETIRED (the ring was retired, nobody collects it any more, and the sequence is not
 * known to be durable), NESTED, FORKED.
 * Errors: EINVAL (producer NULL, or `sequence` was not attempted yet), EOPNOTSUPP (the ring's policy is overwrite; or the level
 * of its collector is `write`, which syncs too seldom to wait for it, and the sequence is not durable). */
SHMRING_API int shmring_wait_durable(shmring_producer* producer, uint64_t sequence, uint64_t timeout_ns);

/* Detaches and frees the handle. An open claim is aborted, and every attempt is accounted for. NULL is allowed. In a forked
 * child only the handle's memory is freed.
 * Thread role: the handle's thread, as the last call of the handle; not in a signal handler. */
SHMRING_API void shmring_detach(shmring_producer* producer);

/* Returns the version of the loaded library: major << 16 | minor. SHMRING_VERSION is the header's. Thread role: any thread. */
SHMRING_API uint32_t shmring_version(void);

/* Returns a text for a result of any function here. It is never NULL, and never to be freed. Thread role: any thread. */
SHMRING_API const char* shmring_strerror(int code);

/* Returns the text of the calling thread's last error: ring, what was found, what was expected, what to do. It has at most 511
 * bytes, is never NULL, is "" before the first error, and is valid until the thread's next call. Conditions set no text, nor do
 * the functions that shmring_write names.
 * Thread role: any thread. */
SHMRING_API const char* shmring_last_error(void);

#ifdef __cplusplus
}
#endif
#endif
