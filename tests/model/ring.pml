/* The slot protocol, for Spin: words, log, and who takes part. The producer is in producer.pml, the collector in
 * collector.pml. Names of steps are the labels of lib/ring/slot.hpp, lane.hpp, account.hpp: `look` here is At::look there.
 *
 * One step (p_step, c_step) is one access to shared memory, and what its process then decides privately. Before each one
 * the process may be killed (a producer), be stopped for ever (a producer), or crash and start again (the collector).
 * A step that makes several accesses at once says why nothing can come between them.
 *
 * What is asserted, beside what stands at its step:
 *   - each sequence is in the log once; a loss line names no record that was published and never overwritten;
 *   - a slot that is published is still its owner's; no slot names an entry that is claimed anew;
 *   - an account closes once, and without a hole; none is dropped open;
 *   - at the end, when nothing more can happen: every account of the dead and the left is closed, their entries are free,
 *     every slot is EMPTY but what a stopped producer owns, and a further write finds a place if a slot is EMPTY.
 * A state from which nobody can go on is an error (an invalid end state): a sleeper that nobody wakes, above all. The
 * collector waits for a change where a pass changed nothing, so a search that finds no cycle (table.py: ENDS) shows that
 * every execution gets there.
 *
 * Left out: causes, durability, hostile bytes, weak memory orders (all loads see the last store), recovery from the log's
 * text (a collector that starts knows what the log says), several lanes at once, time (a deadline may pass at any moment).
 */
#include "bounds.pml"

/* The state word and the owner word, as one number each. */
#define EMPTY 0
#define WRITING 1
#define READY 2
#define READING 3
#define WORD(lap, owner, state) (((lap) << 4) | ((owner) << 2) | (state))
#define LAP(w) ((w) >> 4)
#define OWNER(w) (((w) >> 2) & 3)
#define STATE(w) ((w) & 3)
#define POSITION(w, index) (LAP(w) * SLOTS + (index))

#define FREE 0
#define ATTACHING 1
#define ATTACHED 2
#define LEFT 3
#define OWNED(inc, state) (((inc) << 2) | (state))
#define IDENTITY(owner) ((owner) >> 2)

/* A record: who and which; 0: bytes that are being written. */
#define RECORD(inc, seq, chunk, aborted) (((inc) << 5) | ((seq) << 2) | ((chunk) << 1) | (aborted))
#define INC(record) ((record) >> 5)
#define SEQ(record) (((record) >> 2) & 7)
#define IS_ABORTED(record) ((record) & 1)

#define BIT(n) (1 << (n))
#define HAS(mask, n) (((mask) & BIT(n)) != 0)

/* Shared memory. */
byte word[SLOTS], record[SLOTS];
byte tail, head;
byte owner[ENTRIES], incarnation[ENTRIES], account[ENTRIES]; /* account word: sequence << 1 | finished */
byte lane_owner;                                             /* of an exclusive lane */
byte waiters;
byte seen_freed;                                             /* of `freed`, by process: loaded, and not changed since */
byte asleep;                                                 /* by process: in the kernel, on `freed` */

/* The log, and what is known beside it. By incarnation, which is also the identity of a process: 1 … LIVES_ALL. */
byte through[LIVES_ALL + 1];                                 /* the account: what the log says */
byte logged[LIVES_ALL + 1];                                  /* bit n: sequence n; */
#define ATTACH_LINE 0                                        /* and these */
#define CLOSING_LINE 7
byte attempted[LIVES_ALL + 1], published[LIVES_ALL + 1], overwritten[LIVES_ALL + 1];
byte dead, stopped;                                          /* by incarnation */
byte kills = KILLS, crashes = CRASHES, stops = STOPS;        /* still to come */
byte running;
bit dirty;                                                   /* a producer has changed something since the pass began */

inline assert_unnamed(entry) {
  d_step {
    for (x : 0 .. SLOTS - 1) { assert(STATE(word[x]) == EMPTY || OWNER(word[x]) != entry + 1) }
    x = 0
  }
}

/* ---------------------------------------------------------------------------------------------------- lines of the log */

inline line_attach(inc) {
  printf("    log: attach inc %d\n", inc);
  assert(logged[inc] == 0);
  logged[inc] = BIT(ATTACH_LINE)
}

inline line_event(inc, seq) {
  printf("    log: event inc %d seq %d\n", inc, seq);
  assert(HAS(logged[inc], ATTACH_LINE) && !HAS(logged[inc], CLOSING_LINE));
  assert(!HAS(logged[inc], seq) && HAS(published[inc], seq));
  logged[inc] = logged[inc] | BIT(seq);
  through[inc] = seq
}

/* A record that the log calls lost is one that was not published, or that was overwritten. */
inline line_loss(inc, last) {
  printf("    log: loss inc %d seq %d..%d\n", inc, through[inc] + 1, last);
  assert(HAS(logged[inc], ATTACH_LINE) && !HAS(logged[inc], CLOSING_LINE) && through[inc] < last);
  for (x : through[inc] + 1 .. last) {
    assert(!HAS(logged[inc], x));
    assert(!HAS(published[inc], x) || HAS(overwritten[inc], x));
    logged[inc] = logged[inc] | BIT(x)
  }
  x = 0;
  through[inc] = last
}

/* A detach line, or a died line. */
inline line_closing(inc) {
  printf("    log: closes inc %d\n", inc);
  assert(logged[inc] == BIT(attempted[inc] + 1) - 1);
  logged[inc] = logged[inc] | BIT(CLOSING_LINE)
}

/* ------------------------------------------------------------------------------------------------------------- the end */

/* The collector has passed the position a lap below. */
#define STEPS_OVER(position) (!BROKEN(NO_STEP_OVER) && head + SLOTS > (position))

/* Nobody goes on. A stopped producer keeps what is its own, and nothing else is kept. */
#define IS_STOPPED(inc) ((inc) != 0 && HAS(stopped, inc))
inline assert_the_end() {
  d_step {
    for (x : 1 .. LIVES_ALL) { assert(attempted[x] == 0 || HAS(logged[x], CLOSING_LINE) || IS_STOPPED(x)) }
    for (x : 0 .. ENTRIES - 1) { assert(owner[x] == 0 || IS_STOPPED(IDENTITY(owner[x]))) }
    assert(lane_owner == 0 || IS_STOPPED(IDENTITY(owner[lane_owner - 1])));
    w = 0;
    for (x : 0 .. SLOTS - 1) {
      if
      :: STATE(word[x]) == EMPTY -> w = 1
      :: else -> assert(STATE(word[x]) != READY && IS_STOPPED(IDENTITY(owner[OWNER(word[x]) - 1])))
      fi
    }
    /* If a slot is EMPTY, a further write gets it: it steps over the others. */
    x = tail;
    do
    :: w == 1 && STATE(word[x % SLOTS]) == EMPTY && LAP(word[x % SLOTS]) <= x / SLOTS -> break
    :: w == 1 && !(STATE(word[x % SLOTS]) == EMPTY && LAP(word[x % SLOTS]) <= x / SLOTS) ->
       assert(LAP(word[x % SLOTS]) >= x / SLOTS || STEPS_OVER(x) || POLICY == OVERWRITE);
       assert(x < tail + 3 * SLOTS);
       x++
    :: w == 0 -> break
    od;
    x = 0; w = 0
  }
}

#include "producer.pml"
#include "collector.pml"

init {
  atomic {
    byte p;
    for (p : 0 .. PRODUCERS - 1) { running++; run producer(p) }
    p = 0;
    run collector()
  }
}
