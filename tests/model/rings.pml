/* The rings of one name, for Spin: a ring loses its name and another gets it, producers write into either, and one collector
 * after another drains what it can reach into one log. What happens within one ring is ring.pml's. Follows lib/collect/daemon_rings.cpp,
 * lib/log/files/recovery.cpp and lib/os/ghost.cpp.
 *
 * A ring is named by its identity, 1 … RINGS. Each gives out the same incarnations, 1 … PRODUCERS, as rings do whose machine
 * believes each time that it is 1970: only with its ring's identity a number names a life.
 *
 * A producer attaches to the ring that has the name, writes WRITES records, and detaches; or it is killed; or it goes on for
 * ever, idle. Anybody removes the name at any moment, UNLINKS times in all. The collector crashes before any of its steps.
 * A ring without a name is gone when neither a process nor a collector has it mapped.
 *
 * What is asserted:
 *   - each record is in the log once, in order, under its own ring;
 *   - accounts of a ring that nobody drains are over before the first line of the next one;
 *   - an account is given up (`gone`) only if its process had ended, or (with GHOSTS=0) its memory could not be opened, and then
 *     its process is named;
 *   - at the end, when nothing more can happen: all that was written is in the log, but for what a `gone` line gives up and
 *     for rings that went before any collector saw them; whoever ended is closed; an idle producer holds up nobody else.
 */
#ifndef RINGS
#define RINGS 2
#endif
#ifndef PRODUCERS
#define PRODUCERS 2
#endif
#ifndef WRITES
#define WRITES 1
#endif
#ifndef UNLINKS
#define UNLINKS 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef GHOSTS
#define GHOSTS 1 /* 1: what a process has mapped can be opened */
#endif
#define NONE 0
#define IDENTITY_NOT_COMPARED 1
#define ONE_DRAIN 2
#define GIVEN_UP_ALIVE 3
#define GONE_BEHIND_START 4
#define FORGOTTEN_RETIRED 5
#define NOT_NAMED 6
#ifndef MUTATION
#define MUTATION NONE
#endif
#define BROKEN(name) (MUTATION == name)

/* By ring and incarnation: 1 … RINGS, 1 … PRODUCERS. */
#define LIFE(r, i) ((r) * (PRODUCERS + 1) + (i))
#define LIVES ((RINGS + 1) * (PRODUCERS + 1))

#define OUTSIDE 0
#define RUNS 1
#define LEFT 2
#define DEAD 3
byte state[LIVES], written[LIVES];     /* in the ring: shared memory */
byte attached[RINGS + 1];              /* incarnations handed out */
byte mapped[RINGS + 1];                /* processes that have it */
byte name = 0, made = 0;               /* the ring that has the name, 0: none; rings made so far */
bit retired[RINGS + 1];

#define NO_LINE 0
#define OPEN 1
#define CLOSED 2
#define GONE 3
byte account[LIVES], through[LIVES];   /* the log */
bit named[LIVES];                      /* an incident names its process */
byte present;                          /* the ring that the log speaks of */

byte unlinks = UNLINKS, crashes = CRASHES, kills = KILLS;
byte ended;                            /* producers that do nothing more */
bit changed;                           /* since the pass began */

/* ------------------------------------------------------------------------------------------------------------ producers */

proctype producer() {
  byte r, i, n;

attach:
  atomic { name != 0 -> r = name; mapped[r]++ }
  atomic { /* the entry is claimed; then the look at retired */
    if
    :: retired[r] -> mapped[r]--; r = 0; goto attach
    :: else
    fi;
    attached[r]++; i = attached[r];
    state[LIFE(r, i)] = RUNS; changed = 1;
    printf("ring %d: inc %d attaches\n", r, i)
  }
  do
  :: atomic { n < WRITES && !retired[r] -> n++; written[LIFE(r, i)] = n; changed = 1; printf("ring %d: inc %d writes %d\n", r, i, n) }
  :: atomic { kills > 0 -> kills--; state[LIFE(r, i)] = DEAD; break }
  :: atomic { n == WRITES || retired[r] -> state[LIFE(r, i)] = LEFT; break }
  :: n > 0 -> goto idle /* for ever */
  od;
  atomic { printf("ring %d: inc %d has ended\n", r, i); mapped[r]--; changed = 1; ended++; goto over }
idle:
  atomic { printf("ring %d: inc %d is idle\n", r, i); ended++ }
over:
  skip
}

proctype remover() {
  do
  :: atomic { unlinks > 0 && name != 0 -> unlinks--; printf("ring %d loses its name\n", name); name = 0; changed = 1 }
  :: unlinks > 0 -> unlinks-- /* never */
  :: unlinks == 0 -> break
  od
}

/* ------------------------------------------------------------------------------------------------------------- the log */

inline line_attach(r, i) {
  assert(account[LIFE(r, i)] == NO_LINE);
  account[LIFE(r, i)] = OPEN; printf("    log: ring %d attach inc %d\n", r, i)
}

inline line_event(r, i, n) {
  assert(account[LIFE(r, i)] == OPEN && through[LIFE(r, i)] + 1 == n && n <= written[LIFE(r, i)]);
  through[LIFE(r, i)] = n; printf("    log: ring %d event inc %d seq %d\n", r, i, n)
}

inline line_closing(r, i) {
  assert(account[LIFE(r, i)] == OPEN && state[LIFE(r, i)] >= LEFT && through[LIFE(r, i)] == written[LIFE(r, i)]);
  account[LIFE(r, i)] = CLOSED; printf("    log: ring %d closes inc %d\n", r, i)
}

inline line_gone(r, i) {
  assert(account[LIFE(r, i)] == OPEN);
  assert(state[LIFE(r, i)] >= LEFT || (!GHOSTS && named[LIFE(r, i)]));
  account[LIFE(r, i)] = GONE; printf("    log: ring %d gone inc %d\n", r, i)
}

/* --------------------------------------------------------------------------------------------------------- the collector */

#define SKIPPED(r) (BROKEN(GONE_BEHIND_START) || BROKEN(FORGOTTEN_RETIRED) && (r) != present)
#define DRAINS(r) ((drained & (1 << (r))) != 0)
#define c_step(...) atomic {                          \
    if                                                \
    :: crashes > 0 -> crashes--; goto crash           \
    :: true                                           \
    fi;                                               \
    __VA_ARGS__                                       \
  }

proctype collector() {
  byte drained, r, i, mine, from;
  byte known[LIVES]; /* its own copy of the accounts: through + 1, 0 for one that it does not know */
  bit over[LIVES];

start:
  /* The ring that has the name is opened, or made. */
  c_step(
    if
    :: name == 0 && made < RINGS -> made++; name = made; changed = 1; printf("ring %d is made\n", made)
    :: else
    fi;
    if
    :: name == 0 -> goto idle
    :: else
    fi;
    mine = name; drained = 1 << mine; mapped[mine]++
  )
  /* Recovery: what the log says, by ring and number. */
  c_step(
    for (r : 1 .. RINGS) {
      for (i : 1 .. PRODUCERS) {
        from = r;
        if
        :: BROKEN(IDENTITY_NOT_COMPARED) && account[LIFE(r, i)] == NO_LINE && r > 1 -> from = r - 1
        :: else
        fi;
        known[LIFE(r, i)] = (account[LIFE(from, i)] == NO_LINE -> 0 : through[LIFE(from, i)] + 1);
        over[LIFE(r, i)] = account[LIFE(from, i)] >= CLOSED
      }
    }
    r = 1; i = 1
  )
  /* Other rings that the log has open accounts of: opened through a process that runs, or over. */
  do
  :: r <= RINGS ->
     c_step(
       if
       :: r != mine && account[LIFE(r, i)] == OPEN && !DRAINS(r) && !SKIPPED(r) ->
          if
          :: state[LIFE(r, i)] == RUNS && GHOSTS && !BROKEN(GIVEN_UP_ALIVE) ->
             drained = drained | (1 << r); mapped[r]++; retired[r] = 1; changed = 1;
             printf("ring %d is drained through inc %d\n", r, i)
          :: state[LIFE(r, i)] == RUNS && GHOSTS && BROKEN(GIVEN_UP_ALIVE) -> line_gone(r, i)
          :: state[LIFE(r, i)] == RUNS && !GHOSTS ->
             if
             :: BROKEN(NOT_NAMED)
             :: else -> named[LIFE(r, i)] = 1
             fi;
             line_gone(r, i)
          :: else /* of one that ended nothing is known: another process of the same ring may come in this loop */
          fi
       :: else
       fi;
       i++;
       if
       :: i > PRODUCERS -> i = 1; r++
       :: else
       fi
     )
  :: else -> break
  od;
  c_step(
    for (r : 1 .. RINGS) {
      for (i : 1 .. PRODUCERS) {
        if
        :: r != mine && !DRAINS(r) && account[LIFE(r, i)] == OPEN && !SKIPPED(r) ->
           line_gone(r, i); over[LIFE(r, i)] = 1
        :: else
        fi
      }
    }
    r = 0; i = 0
  )

take_present:
  /* The first line of the present ring: of others only those have open accounts that are drained. */
  c_step(
    for (r : 1 .. RINGS) {
      for (i : 1 .. PRODUCERS) { assert(r == mine || DRAINS(r) || account[LIFE(r, i)] != OPEN) }
    }
    r = 0; i = 0;
    present = mine; printf("    log: start of ring %d\n", mine)
  )

pass:
  atomic { changed = 0; r = 1; i = 1 }
  do
  :: r <= RINGS ->
     /* The lines of one life, and what was stored: written, then released. */
     c_step(
       if
       :: DRAINS(r) && i <= attached[r] && !over[LIFE(r, i)] ->
          if
          :: known[LIFE(r, i)] == 0 -> line_attach(r, i); known[LIFE(r, i)] = 1; changed = 1
          :: else
          fi;
          do
          :: known[LIFE(r, i)] <= written[LIFE(r, i)] ->
             line_event(r, i, known[LIFE(r, i)]); known[LIFE(r, i)] = known[LIFE(r, i)] + 1; changed = 1
          :: else -> break
          od;
          if
          :: state[LIFE(r, i)] >= LEFT -> line_closing(r, i); over[LIFE(r, i)] = 1; changed = 1
          :: else
          fi
       :: else
       fi;
       i++;
       if
       :: i > PRODUCERS -> i = 1; r++
       :: else
       fi
     )
  :: else -> break
  od;
  /* Each second: a ring without a name is retired; where another has it, that one is drained too. */
  c_step(
    r = 0; i = 0;
    if
    :: name != mine && !retired[mine] -> retired[mine] = 1; changed = 1; printf("ring %d is retired\n", mine); goto pass
    :: name != mine && retired[mine] && name == 0 && made < RINGS ->
       made++; name = made; changed = 1; printf("ring %d is made by an application\n", made); goto pass
    :: name != mine && retired[mine] && name != 0 && !(BROKEN(ONE_DRAIN) && attached[mine] > 0) ->
       mine = name; drained = drained | (1 << mine); mapped[mine]++; changed = 1; printf("ring %d is drained, too\n", mine);
       goto take_present
    :: else
    fi
  )
  if
  :: atomic { changed || ended < PRODUCERS || unlinks > 0 -> goto pass }
  :: atomic { !changed && ended == PRODUCERS && unlinks == 0 && name == mine }
  :: atomic { !changed && ended == PRODUCERS && unlinks == 0 && name != mine && (made == RINGS || BROKEN(ONE_DRAIN)) }
  fi;
  goto the_end;

crash:
  atomic {
    printf("the collector CRASHES\n");
    for (r : 1 .. RINGS) {
      if
      :: DRAINS(r) -> mapped[r]--
      :: else
      fi
    }
    for (r : 0 .. LIVES - 1) { known[r] = 0; over[r] = 0 }
    r = 0; i = 0; mine = 0; from = 0; drained = 0;
    goto start
  }

the_end:
  skip;
  d_step {
    for (r : 1 .. RINGS) {
      for (i : 1 .. PRODUCERS) {
        /* All but what was given up, and what went with its memory before a collector came. */
        assert(state[LIFE(r, i)] == OUTSIDE || account[LIFE(r, i)] == GONE || !DRAINS(r) || through[LIFE(r, i)] == written[LIFE(r, i)]);
        assert(state[LIFE(r, i)] < LEFT || account[LIFE(r, i)] >= CLOSED || !DRAINS(r));
        assert(account[LIFE(r, i)] != OPEN || DRAINS(r));
        assert(r != name || DRAINS(r))
      }
    }
    r = 0; i = 0
  }
idle:
  skip
}

init {
  atomic {
    byte p;
    for (p : 1 .. PRODUCERS) { run producer() }
    p = 0;
    run remover();
    run collector()
  }
}
