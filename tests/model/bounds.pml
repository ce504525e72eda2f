/* The bounds of a search, and the rule that is broken on purpose, if any. `run` sets them: spin -DSLOTS=3 … */
#define DROP 0
#define OVERWRITE 1
#define WAIT 2

#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef ENTRIES
#define ENTRIES 2      /* at most 3 */
#endif
#ifndef PRODUCERS
#define PRODUCERS 2    /* processes at a time */
#endif
#ifndef LIVES
#define LIVES 1        /* of each, one after the other */
#endif
#define LIVES_ALL (PRODUCERS * LIVES)
#ifndef ATTEMPTS
#define ATTEMPTS 2     /* of each life */
#endif
#ifndef FIRST_ATTEMPTS
#define FIRST_ATTEMPTS ATTEMPTS  /* of the first incarnation */
#endif
#ifndef CHUNKED
#define CHUNKED 0      /* 1: every other record has two chunks; 2: those of the first incarnation */
#endif
#ifndef ABORTS
#define ABORTS 0       /* 1: any record may be given up in its slot */
#endif
#ifndef POLICY
#define POLICY DROP
#endif
#ifndef TIMEOUTS
#define TIMEOUTS 0     /* 1: a sleeper's deadline may pass */
#endif
#ifndef EXCLUSIVE
#define EXCLUSIVE 0    /* 1: the lane has one producer at a time */
#endif
#ifndef KILLS
#define KILLS 0        /* of producers */
#endif
#ifndef STOPS
#define STOPS 0        /* for ever, not dead */
#endif
#ifndef FIRST_STOPS
#define FIRST_STOPS 0  /* 1: only the first incarnation stops, and only with a slot in its hands */
#endif
#ifndef CRASHES
#define CRASHES 0      /* of the collector, which starts again */
#endif
#ifndef WALK
#define WALK SLOTS     /* positions a pass */
#endif
#ifndef ENTRY_AT_ONCE
#define ENTRY_AT_ONCE 0  /* 1: an entry is read in one step */
#endif
#ifndef ATTACH_AT_ONCE
#define ATTACH_AT_ONCE 0  /* 1: so that no producer is met half attached */
#endif
#ifndef OWN_ENTRIES
#define OWN_ENTRIES 0  /* 1: each process its own, never reused; where all are alike, who has which is a matter of names */
#endif
#ifndef NOT_DUE
#define NOT_DUE 0      /* 1: passes that look at no entry, and at the tail or not */
#endif

#ifndef MUTATION
#define MUTATION NONE
#endif
#define BROKEN(rule) (MUTATION == rule)
#define NONE 0
#define CLAIM_BY_STORE 1
#define TAIL_BEFORE_CLAIM 2
#define OVERWRITE_BY_STORE 3
#define NO_STEP_OVER 5
#define NO_WAKE_AT_START 8
#define LOSS_BEFORE_STALLED_LIST 9
#define RELEASE_BEFORE_APPEND 10
#define CHUNK_RELEASED_EARLY 12
#define EVENT_BEFORE_GAP 13
#define LISTED_BY_NUMBER 14
#define NO_LOOK_OVER 15
#define LISTED_READING_LEFT 17
#define STATE_BEFORE_PROOF 18
#define ACCOUNT_BEFORE_PROOF 19
#define TAIL_BEFORE_ACCOUNT 20
#define LOSS_OF_ATTEMPTED 21
#define LOSS_BEFORE_WALK 22
#define CLOSING_BEFORE_TAIL 23
#define ENTRY_FREED_EARLY 25
#define LANE_FREED_BY_ENTRY 26
#define JUMP_BY_DIFFERENCE 27
#define JUMP_LISTS_NOTHING 28
#define FREED_ON_TIME_OUT 29
#define FORGOTTEN_AT_CLOSING 30
#define WAKE_WHEN_TAKEN 31
#define SLEEP_ON_HEAD 32
#define FREED_BEFORE_HEAD 33
#define DEAD_CHUNKS_KEPT 34
#define CHUNK_HOLDS_HEAD 35
#define NO_WAKE_FOR_DEAD 36
#define DEAD_NOT_COUNTED 37
