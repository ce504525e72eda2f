/* libshmring: write audit records into a shared-memory ring, in tens of nanoseconds, and lose none in silence.
 *
 * This header is the whole C ABI. Invariants:
 *   - handles are opaque; nothing here throws, aborts, prints, or allocates after attach;
 *   - every function returns 0 when done, > 0 for a documented condition that the caller may act on, or < 0, which is -errno;
 *   - every call that takes a sequence (see shmring_write) is in the collector's log exactly once: as an event, or
 *     inside a loss line that names producer, range and cause;
 *   - options structs start with struct_size, so that they can grow; zero in a field means the default;
 *   - names of rings and producers are 1 to 63 bytes of [A-Za-z0-9._-], but not "." or ".."; sizes are in bytes, and include no
 *     terminating NUL.
 *
 * Thread role: ONE HANDLE PER THREAD. Any thread may create, unlink and attach. A shmring_producer is used by one thread at a
 * time, which the functions below call its thread. It may be handed to another thread while no claim is open, by anything that
 * orders the two threads (a mutex, a queue). Each thread that writes attaches a handle of its own, which takes one place of
 * shmring_create_options.producers and a page of memory. (shmring.hpp has PerThread, which does so by itself.)
 *
 * What happens otherwise: a call that finds another call of its handle under way returns SHMRING_NESTED. It takes no sequence
 * and changes nothing but a count, which is exact: `nested` in the handle's closing line is the number of calls that returned
 * NESTED before the detach. A signal handler is always found out in this way. A second thread is, unless the two calls
 * began within the same nanoseconds (or a thread was preempted just there). Such calls both run. Even then no call crashes or
 * hangs, the log verifies, and what other handles write() is untouched. But 0 does not prove any more that a record of this
 * handle is in the log as it was written, or at all, since two calls may have shared a sequence or a slot. Writing in place is
 * worse: another thread may have published what one thread still fills, and the slot may belong to another handle by then. So
 * `nested`, in an application whose signal handlers do not write, shows a mistake of the application. shmring_detach frees the
 * handle: no other call of it may be under way then, or come later.
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
#define SHMRING_VERSION_MINOR 2
#define SHMRING_VERSION (SHMRING_VERSION_MAJOR << 16 | SHMRING_VERSION_MINOR) /* of this header, as shmring_version has it */

/* Conditions (> 0). All but NESTED, FORKED and RETIRED-at-entry have taken a sequence, which is in the log. */
enum shmring_condition {
  SHMRING_FULL = 1,    /* the ring was full (or too contended, or had no room for all chunks): counted loss */
  SHMRING_TOO_BIG = 2, /* longer than max_record (write), than one slot (claim), or than was claimed (commit): counted loss */
  SHMRING_NESTED = 3,  /* another call of this handle is under way, which a signal handler has interrupted, or which is another
                          thread's: refused, no sequence, counted as nested */
  SHMRING_RETIRED = 4, /* the ring was unlinked, or kept by who was about to do so: attach anew. While it waited for room:
                          counted loss; else no sequence */
  SHMRING_FORKED = 5,  /* the handle belongs to the parent process: attach anew in the child; no sequence */
  SHMRING_TIMEOUT = 6  /* policy wait, or attach option wait_us: still full at the deadline: counted loss */
};

/* What a payload is: UTF-8 text, one JSON value, fields as below, or any bytes. Text that is not UTF-8 is base64 in the log. A
 * payload that is not the JSON or the fields that it should be is text or base64 in the log, and marked invalid. */
enum shmring_kind { SHMRING_KIND_TEXT = 0, SHMRING_KIND_JSON = 1, SHMRING_KIND_FIELDS = 2, SHMRING_KIND_BYTES = 3 };

/* The encoding of SHMRING_KIND_FIELDS (shmring.hpp has an encoder): fields one after the other, nothing before, between or
 * behind them. A field is
 *
 *   head     1 byte    enum shmring_field_type in the low four bits; in the high four n, 0 ... 8
 *   size     1 byte    of the key, 1 ... 255
 *   key                `size` bytes of UTF-8, no NUL behind them; each key once in a record
 *   number   n bytes   little-endian; what n leaves out are zeros, or copies of the sign for INT and TIME
 *   content            TEXT and BYTES only: `number` bytes
 *
 * A record has at most SHMRING_MAX_FIELDS; none is a record too. All else is invalid: it is logged as base64, and marked.
 * In the log a record is an object, its fields in their order: integers beyond +-(2^53 - 1) as strings of digits, since
 * most readers of JSON would round them; doubles in the fewest digits that read back the same, NaN and infinities as
 * "NaN", "Infinity", "-Infinity"; times as RFC 3339 with nanoseconds; bytes, and text that is not UTF-8, as
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

/* shmring_attach_options.lane: an exclusive one if one is free, else the shared one; the shared one; an exclusive one. */
enum shmring_lane { SHMRING_LANE_AUTO = 0, SHMRING_LANE_SHARED = 1, SHMRING_LANE_EXCLUSIVE = 2 };

/* shmring_create_options.on_full: what a write to a full ring does. The write always ends, and every loss is counted. */
enum shmring_policy {
  SHMRING_POLICY_DROP = 0,      /* it returns FULL at once */
  SHMRING_POLICY_OVERWRITE = 1, /* it takes the place of the oldest record, which is then lost */
  SHMRING_POLICY_WAIT = 2,      /* it waits, up to wait_us, then returns TIMEOUT */
  SHMRING_POLICY_HYBRID = 3     /* as wait, with a short wait_us unless one is given */
};

/* shmring_meta.flags */
#define SHMRING_META_TRUNCATE 1u /* write: cut what is longer than max_record, and say so in the line */

/* shmring_create_options.flags */
#define SHMRING_CREATE_NO_TRIPWIRE 1u  /* no 32-bit hash per record: a stray write by the application goes unnoticed */
#define SHMRING_CREATE_NO_TIMESTAMP 2u /* no timestamp per record: lines carry the time at which they were drained */

typedef struct shmring_producer shmring_producer;

/* The meta data of a record, 24 bytes. The struct grows at its end and has no size in it. A field that a later version adds is
 * read only if a new bit in `flags` says that it is there. Bits that this version does not know are -EINVAL, so that the caller
 * of a newer header learns that the library is too old. */
typedef struct shmring_meta {
  uint32_t type;           /* application's record type; 0: none; see shmring_name_type */
  uint8_t kind;            /* enum shmring_kind; another value is -EINVAL */
  uint8_t severity;        /* 0 ... 255, the application's own scale (syslog's 0 ... 7 is usual) */
  uint16_t flags;          /* SHMRING_META_...; another bit is -EINVAL */
  uint8_t correlation[16]; /* a W3C trace id fits; all zero: absent */
} shmring_meta;

/* Options structs: struct_size is the size that the caller's header knows. A smaller struct leaves the rest at its default. In
 * a larger one, each byte that this version does not know must be zero, or the call returns -EINVAL with a text that names the
 * byte. */
typedef struct shmring_create_options {
  uint32_t struct_size; /* sizeof(shmring_create_options) */
  uint32_t slots;       /* per lane, power of two, 64 ... 2^24; default 16384 */
  uint32_t slot_bytes;  /* power of two, 128 ... 65536, 64 of them header; default 256 */
  uint32_t lanes;       /* 1 ... 64, lane 0 (shared) included; default 8 */
  uint32_t on_full;     /* enum shmring_policy; default drop */
  uint32_t wait_us;     /* deadline of wait and hybrid in microseconds; default 100 000, hybrid 1 000 */
  uint32_t max_record;  /* largest payload in bytes, at most a quarter of a lane and 22 194 858 (21 MiB: a line of the log
                           holds it whatever its bytes); default 65 536 or that quarter */
  uint32_t mode;        /* permission bits of the segment, none beyond 0660; default 0600 */
  const char* group;    /* group of the segment (mode then defaults to 0660); NULL: the creator's */
  uint32_t flags;       /* SHMRING_CREATE_...; another bit is -EINVAL */
  uint32_t producers;   /* places for producers at one time, 1 ... 8190; default 256 */
} shmring_create_options;

typedef struct shmring_attach_options {
  uint32_t struct_size;                 /* sizeof(shmring_attach_options) */
  uint32_t lane;                        /* enum shmring_lane; default auto */
  const char* name;                     /* producer name in the log; NULL: the program's */
  const char* owner;                    /* user (a name, or a number in decimal) whose rings are trusted beside those of the
                                           caller, of root, and of the owner of a ring directory that nobody else may write;
                                           NULL: $SHMRING_OWNER, if that is set */
  const shmring_create_options* create; /* not NULL: create the ring if it is absent */
  uint32_t wait_us;                     /* not 0: on this handle a write to a full ring waits so long, in microseconds, whatever
                                           the ring's policy is */
  uint32_t flags;                       /* none defined: another value than 0 is -EINVAL */
} shmring_attach_options;

/* Create the ring: all memory is reserved and touched here, so that a full tmpfs is an error now and not SIGBUS later. That is
 * slots * lanes * slot_bytes, and 320 bytes a producer. `options` NULL: all defaults.
 * Thread role: any thread; not for the write path, and not in a signal handler.
 * Errors: EINVAL (ring NULL, a name, an option, a group that there is not; the text says which), EEXIST, ENOENT (no directory
 * for rings), EACCES, EPERM (the group is not ours), ENOSPC (also: above the limit for a file's size), ENOMEM (also: above what
 * a control group's limit leaves, past which the kernel would kill the application), EINTR (signals interrupted it again and
 * again), or what else a system call failed with. */
SHMRING_API int shmring_create(const char* ring, const shmring_create_options* options);

/* Retire the ring and remove its name. Attached producers see RETIRED, and a running collector drains what is there. Without a
 * collector the content of the ring is lost. That includes what producers write that attached before the ring was retired, and
 * the rest of a write that was under way. A later attach waits, and finds no ring, or a new one. `shmring rm` refuses if
 * something would be lost.
 * Thread role: any thread; not in a signal handler.
 * Errors: EINVAL (ring NULL, the name), ENOENT, EACCES, EPERM, EBUSY (another process removes it at this moment), and as for
 * attach EPROTO, ENOEXEC, EBADMSG: a file that is not our ring is left there. A ring that cannot be removed goes on as before.
 * A ring that is retired or of another boot is removed like any other. */
SHMRING_API int shmring_unlink(const char* ring);

/* Attach as a producer: *out is a new handle, which the caller ends with shmring_detach. `options` NULL: all defaults.
 * Thread role: any thread, which is then the handle's; not in a signal handler.
 * Errors: ENOENT absent, EACCES permission, EPERM wrong owner or mode, or no regular file, ESTALE of another boot, or retired
 * by a process that removes it, for which this has waited 200 ms (try again), EPROTO other version, ENOEXEC other layout,
 * EBADMSG size or geometry, EUSERS producer table full, EBUSY no exclusive lane free (both: try again; places return within
 * 200 ms after a death or detach while a collector runs), EINVAL out or ring NULL, a name or an option (or the kernel cannot
 * wipe memory on fork), ENOMEM; with `create` those of shmring_create but EEXIST; or what else a system call failed with. On an
 * error *out is NULL. */
SHMRING_API int shmring_attach(const char* ring, const shmring_attach_options* options, shmring_producer** out);

/* Write one record of `bytes` bytes, at most max_record. Takes a sequence whatever its result, unless it returns < 0, NESTED,
 * FORKED, or RETIRED at entry. No lock, no system call (policies drop and overwrite), no allocation. meta NULL: text of type 0.
 * payload may be NULL if bytes is 0. With SHMRING_META_TRUNCATE a record longer than max_record is cut there, and text is cut
 * between two characters. Async-signal-safe.
 * Thread role: the handle's thread.
 * Conditions: FULL, TOO_BIG (above max_record), NESTED, RETIRED, FORKED, TIMEOUT.
 * Errors: EINVAL (producer NULL, payload NULL, kind, flags). Neither this nor claim, commit and abort set a text for
 * shmring_last_error, which costs too much here: it stays what an earlier call left. shmring_strerror has one for the code. */
SHMRING_API int shmring_write(shmring_producer* producer, const shmring_meta* meta, const void* payload, size_t bytes);

/* Write in place: claim a slot, fill *payload, then commit or abort. Copies nothing; a record of one slot at most, which is
 * another limit than max_record: shmring_slot_payload bytes.
 *
 * claim takes a sequence, as write does, and waits as write does. On 0, `bytes` bytes at *payload are the caller's
 * until commit or abort; they still hold an older record. On any other result *payload is NULL and there is no claim to end. A
 * child that is forked meanwhile has no memory at *payload.
 * Thread role: the handle's thread. Async-signal-safe.
 * Conditions: FULL, TOO_BIG (above one slot), NESTED, RETIRED, FORKED, TIMEOUT. Errors: EINVAL (a NULL). */
SHMRING_API int shmring_claim(shmring_producer* producer, size_t bytes, void** payload);

/* Publish the first `bytes` of what was claimed, with the meta data of now (NULL: as for write; its flags must be 0).
 * The claim is over, also with the condition TOO_BIG: `bytes` is more than was claimed, the record is a counted loss.
 * Thread role: the thread that claimed. Async-signal-safe.
 * Conditions: TOO_BIG, NESTED, FORKED. Errors: EINVAL (producer NULL, or no claim is open; or kind or flags, then the claim
 * stays). */
SHMRING_API int shmring_commit(shmring_producer* producer, const shmring_meta* meta, size_t bytes);

/* Give the claim up: its sequence is a loss of cause `aborted`.
 * Thread role: the thread that claimed. Async-signal-safe.
 * Conditions: NESTED, FORKED. Errors: EINVAL (producer NULL, or no claim is open).
 *
 * Between claim and commit the handle is for commit and abort only, by the thread that claimed. Leaving with an exception,
 * longjmp or siglongjmp does no harm: the handle's next write or claim, or its detach, aborts the stale claim. If the
 * process ends first, the collector counts it as `died`. But a signal handler that writes through the same handle in between
 * cannot be told from that. It aborts the claim too, *payload may be another record's at once, and nothing may be stored
 * there any more. So give a signal handler a handle of its own, or block it until commit. */
SHMRING_API int shmring_abort(shmring_producer* producer);

/* Payload bytes of one slot: the most that a claim may ask for. 0: producer is NULL, or the parent process's.
 * Thread role: any thread, before the detach. */
SHMRING_API size_t shmring_slot_payload(const shmring_producer* producer);

/* The sequence of the last attempt on this handle, from 1; 0: none yet, or producer is NULL, or the parent process's.
 * Thread role: the handle's thread. */
SHMRING_API uint64_t shmring_sequence(const shmring_producer* producer);

/* The number of this attachment, used once in this ring, below 2^53; 0: producer is NULL, or the parent process's.
 * Thread role: any thread, before the detach. */
SHMRING_API uint64_t shmring_incarnation(const shmring_producer* producer);

/* The identity of the handle's ring: 16 random bytes, drawn at its creation, which the log has as "ring_id". (ring_id,
 * incarnation, sequence) names a record for ever, also where a ring of the same name is made anew. On anything but 0 all are 0.
 * Thread role: any thread, before the detach.
 * Condition: FORKED. Errors: EINVAL (a NULL). */
SHMRING_API int shmring_ring_id(const shmring_producer* producer, uint8_t ring_id[16]);

/* Give a record type a name of 1 to 55 bytes of [A-Za-z0-9._-], once per ring; takes no sequence. The log then shows the name
 * instead of the number. The same name again is 0.
 * Thread role: any thread, before the detach.
 * Condition: FORKED. Errors: EEXIST the type has another name, ENOSPC the table (64 names) is full, EINVAL producer or name
 * NULL, type 0, or a name that is none. */
SHMRING_API int shmring_name_type(shmring_producer* producer, uint32_t type, const char* name);

/* Wait until the collector has made `sequence` durable, at most timeout_ns nanoseconds. Error: EOPNOTSUPP, always for now.
 * Thread role: any thread, before the detach. */
SHMRING_API int shmring_wait_durable(shmring_producer* producer, uint64_t sequence, uint64_t timeout_ns);

/* Detach: an open claim is aborted, every attempt is accounted for; the handle is gone. NULL is allowed. In a forked child only
 * its memory goes.
 * Thread role: the handle's thread, and it is the last call of the handle; not in a signal handler. */
SHMRING_API void shmring_detach(shmring_producer* producer);

/* The version of the loaded library: major << 16 | minor. SHMRING_VERSION is that of the header. Thread role: any thread. */
SHMRING_API uint32_t shmring_version(void);

/* A text for a return value of any function here. Never NULL, and never to be freed. Thread role: any thread. */
SHMRING_API const char* shmring_strerror(int code);

/* The calling thread's last error: ring, what was found, what was expected, what to do; at most 511 bytes. Conditions set none,
 * nor do the calls that say so: see shmring_write. Valid until the thread's next call; never NULL, "" before the first error.
 * Thread role: any thread. */
SHMRING_API const char* shmring_last_error(void);

#ifdef __cplusplus
}
#endif
#endif
