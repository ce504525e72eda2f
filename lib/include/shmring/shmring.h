/* libshmring: write audit records into a shared-memory ring, in tens of nanoseconds, and lose none in silence.
 *
 * This header is the whole C ABI. Invariants:
 *   - handles are opaque; nothing here throws, aborts, prints, or allocates after attach;
 *   - every function returns 0: done, > 0: a documented condition that the caller may act on, < 0: -errno;
 *   - every call that takes a sequence (see shmring_write) is in the collector's log exactly once: as an event, or
 *     inside a loss line that names producer, range and cause;
 *   - options structs start with struct_size, so that they can grow; zero in a field means the default.
 *
 * Thread role: a shmring_producer is used by one thread at a time. It may move between threads while no claim is open.
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

/* Conditions (> 0). A condition other than NESTED, FORKED and RETIRED-at-entry has taken a sequence: it is in the log. */
enum shmring_condition {
  SHMRING_FULL = 1,    /* the ring was full (or too contended, or had no room for all chunks): counted loss */
  SHMRING_TOO_BIG = 2, /* payload longer than max_record: counted loss */
  SHMRING_NESTED = 3,  /* a signal handler interrupted a call on this handle: refused, no sequence, counted as nested */
  SHMRING_RETIRED = 4, /* the ring was unlinked: attach anew */
  SHMRING_FORKED = 5,  /* the handle belongs to the parent process: attach anew in the child */
  SHMRING_TIMEOUT = 6  /* policy wait: still full at the deadline: counted loss */
};

/* What a payload is: UTF-8 text · one JSON value · typed key/value pairs, as shmring.hpp says · any bytes. The log has
 * text that is not UTF-8 as base64; what is not JSON, or not fields, as text or base64, and marks it invalid. */
enum shmring_kind { SHMRING_KIND_TEXT = 0, SHMRING_KIND_JSON = 1, SHMRING_KIND_FIELDS = 2, SHMRING_KIND_BYTES = 3 };
enum shmring_lane { SHMRING_LANE_AUTO = 0, SHMRING_LANE_SHARED = 1, SHMRING_LANE_EXCLUSIVE = 2 };
enum shmring_policy {
  SHMRING_POLICY_DROP = 0,
  SHMRING_POLICY_OVERWRITE = 1,
  SHMRING_POLICY_WAIT = 2,
  SHMRING_POLICY_HYBRID = 3
};

/* shmring_meta.flags */
#define SHMRING_META_TRUNCATE 1u /* cut what is longer than max_record, and say so in the line */

/* shmring_create_options.flags */
#define SHMRING_CREATE_NO_TRIPWIRE 1u  /* no 32-bit hash per record: a stray write by the application goes unnoticed */
#define SHMRING_CREATE_NO_TIMESTAMP 2u /* no timestamp per record: lines carry the time at which they were drained */

typedef struct shmring_producer shmring_producer;

/* It grows at its end: what a later version adds there is read only where a new flag says that it is there. Flags that this
 * version does not know are -EINVAL, so a caller of a newer header learns that the library is too old. */
typedef struct shmring_meta {
  uint32_t type;           /* application's record type; see shmring_name_type */
  uint8_t kind;            /* enum shmring_kind */
  uint8_t severity;        /* 0 … 255, the application's own scale (syslog's 0 … 7 is usual) */
  uint16_t flags;          /* SHMRING_META_… */
  uint8_t correlation[16]; /* a W3C trace id fits; all zero: absent */
} shmring_meta;

typedef struct shmring_create_options {
  uint32_t struct_size; /* sizeof(shmring_create_options) */
  uint32_t slots;       /* per lane, power of two, 64 … 2^24; default 16384 */
  uint32_t slot_bytes;  /* power of two, 128 … 65536, 64 of them header; default 256 */
  uint32_t lanes;       /* 1 … 64, lane 0 (shared) included; default 8 */
  uint32_t on_full;     /* enum shmring_policy; default drop */
  uint32_t wait_us;     /* deadline of wait and hybrid in microseconds; default 100 000, hybrid 1 000 */
  uint32_t max_record;  /* largest payload in bytes, at most a quarter of a lane and 22 194 858 (21 MiB: a line of the log
                           holds it whatever its bytes); default 65 536 or that quarter */
  uint32_t mode;        /* permission bits of the segment; default 0600 */
  const char* group;    /* group of the segment (mode then defaults to 0660); NULL: the creator's */
  uint32_t flags;       /* SHMRING_CREATE_… */
  uint32_t producers;   /* places for producers at one time, 1 … 8190; default 256 */
} shmring_create_options;

typedef struct shmring_attach_options {
  uint32_t struct_size;                 /* sizeof(shmring_attach_options) */
  uint32_t lane;                        /* enum shmring_lane */
  const char* name;                     /* producer name in the log, [A-Za-z0-9._-]{1,63}; default: the program's */
  const char* owner;                    /* user (a name, or a number in decimal) whose rings are trusted beside those of the
                                           caller, of root, and of the owner of a ring directory that nobody else may write;
                                           NULL: $SHMRING_OWNER, if that is set */
  const shmring_create_options* create; /* not NULL: create the ring if it is absent */
  uint32_t wait_us;                     /* not 0: on this handle a write to a full ring waits so long, in microseconds, whatever
                                           the ring's policy is */
  uint32_t flags;                       /* none defined */
} shmring_attach_options;

/* Create the ring: all memory is reserved and touched here, so that a full tmpfs is an error now and not SIGBUS later.
 * Errors: EINVAL (a name, an option, a group that there is not; the text says which), EEXIST, ENOENT (no directory for
 * rings), EACCES, EPERM (the group is not ours), ENOSPC (also: above the limit for a file's size), ENOMEM (also: above what
 * a control group's limit leaves, past which the kernel would kill the application), EINTR (signals interrupted it again and
 * again), or what else a system call failed with. Not for the write path. */
SHMRING_API int shmring_create(const char* ring, const shmring_create_options* options);

/* Retire the ring and remove its name. Attached producers see RETIRED; a running collector drains what is there.
 * Errors: EINVAL (the name), ENOENT, EACCES, EPERM, and what is no ring of ours is left there: EPROTO, ENOEXEC, EBADMSG, as
 * for attach. A ring that is retired or of another boot is removed like any other. */
SHMRING_API int shmring_unlink(const char* ring);

/* Attach as a producer. Errors: ENOENT absent, EACCES permission, EPERM wrong owner or mode, or no regular file, ESTALE
 * retired or of another boot, EPROTO other version, ENOEXEC other layout, EBADMSG size or geometry, EUSERS producer table full,
 * EBUSY no exclusive lane free (both: try again; places return within 200 ms after a death or detach while a collector runs),
 * EINVAL a name or an option (or the kernel cannot wipe memory on fork), ENOMEM; with `create` those of shmring_create but
 * EEXIST; or what else a system call failed with. On an error *out is NULL. */
SHMRING_API int shmring_attach(const char* ring, const shmring_attach_options* options, shmring_producer** out);

/* Write one record. Takes a sequence whatever comes of it, unless it returns < 0, NESTED, FORKED, or RETIRED at entry.
 * No lock, no system call (policies drop and overwrite), no allocation. meta NULL: text of type 0. payload may be NULL if
 * bytes is 0. Async-signal-safe. Conditions: FULL, TOO_BIG, NESTED, RETIRED, FORKED, TIMEOUT.
 * Errors: EINVAL (producer NULL, payload NULL, kind, flags). Neither this nor claim, commit and abort set a text for
 * shmring_last_error, which costs too much here: it stays what an earlier call left. shmring_strerror has one for the code. */
SHMRING_API int shmring_write(shmring_producer* producer, const shmring_meta* meta, const void* payload, size_t bytes);

/* Write in place: claim a slot, fill *payload, then commit or abort. Copies nothing; a record of one slot at most.
 *
 * claim takes a sequence, as write does, and waits as write does. On 0, `bytes` bytes at *payload are the caller's
 * until commit or abort; what stands in them is of an older record. On anything else *payload is NULL: nothing to end.
 * Conditions: FULL, TOO_BIG (above shmring_slot_payload bytes), NESTED, RETIRED, FORKED, TIMEOUT. Errors: EINVAL (a NULL). */
SHMRING_API int shmring_claim(shmring_producer* producer, size_t bytes, void** payload);
/* Publish the first `bytes` of what was claimed, with the meta data of now (NULL: as for write; its flags must be 0).
 * The claim is over, also with the condition TOO_BIG: `bytes` is more than was claimed, the record is a counted loss.
 * Conditions: TOO_BIG, NESTED, FORKED. Errors: EINVAL (producer NULL, or no claim is open; or kind or flags, then the claim
 * stays). */
SHMRING_API int shmring_commit(shmring_producer* producer, const shmring_meta* meta, size_t bytes);
/* Give the claim up: its sequence is a loss of cause `aborted`. Conditions: NESTED, FORKED. Errors: EINVAL (producer NULL, or
 * no claim is open).
 *
 * Between claim and commit the handle is for commit and abort only, by the thread that claimed. Whoever leaves with an
 * exception, longjmp or siglongjmp does no harm: the handle's next write or claim, or its detach, aborts the stale
 * claim; and if the process ends first, the collector counts it as `died`. But nobody can tell that from a signal
 * handler that writes through the same handle meanwhile: it aborts the claim too, *payload may be another record's at
 * once, and must not be stored to any more. So give a signal handler a handle of its own, or block it until commit. */
SHMRING_API int shmring_abort(shmring_producer* producer);
/* Payload bytes of one slot: the most that a claim may ask for. 0: producer is NULL, or the parent process's. */
SHMRING_API size_t shmring_slot_payload(const shmring_producer* producer);

/* The sequence of the last attempt on this handle; 0: none yet, or producer is NULL, or the parent process's. */
SHMRING_API uint64_t shmring_sequence(const shmring_producer* producer);
/* The number of this attachment, used once in this ring, below 2^53; 0: producer is NULL, or the parent process's. */
SHMRING_API uint64_t shmring_incarnation(const shmring_producer* producer);
/* The identity of the handle's ring: 16 random bytes, drawn at its creation, which the log has as "ring_id". (ring_id,
 * incarnation, sequence) names a record for ever, also where a ring of the same name is made anew. On an error all are 0.
 * Condition: FORKED. Errors: EINVAL (a NULL). */
SHMRING_API int shmring_ring_id(const shmring_producer* producer, uint8_t ring_id[16]);

/* Give a record type a name, once per ring; takes no sequence. The log then shows the name instead of the number.
 * Condition: FORKED. Errors: EEXIST the type has another name, ENOSPC the table (64 names) is full, EINVAL producer NULL,
 * type 0, or a name that is not 1 to 55 of [A-Za-z0-9._-]. */
SHMRING_API int shmring_name_type(shmring_producer* producer, uint32_t type, const char* name);

/* Wait until the collector has made `sequence` durable. -EOPNOTSUPP for now. */
SHMRING_API int shmring_wait_durable(shmring_producer* producer, uint64_t sequence, uint64_t timeout_ns);

/* Detach: every attempt is accounted for; the handle is gone. NULL is allowed. In a forked child only its memory goes. */
SHMRING_API void shmring_detach(shmring_producer* producer);

/* Of the library that is loaded: major << 16 | minor. SHMRING_VERSION is that of the header. */
SHMRING_API uint32_t shmring_version(void);

/* A text for a return value of any function here. Never NULL. */
SHMRING_API const char* shmring_strerror(int code);
/* The calling thread's last error: ring, what was found, what was expected, what to do. Of a call that says so it is not: see
 * shmring_write. Valid until the thread's next call; never NULL, "" before the first error. */
SHMRING_API const char* shmring_last_error(void);

#ifdef __cplusplus
}
#endif
#endif
