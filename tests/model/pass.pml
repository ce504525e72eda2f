/* What the collector does privately, or in its log, as parts of its steps: lib/collect/ledger.cpp, reassembly.cpp, and Reader's
 * list, hold, is_ripe. */

#define MAY_CRASH                                                  \
    if                                                             \
    :: crashes > 0 -> crashes--; goto crashed                      \
    :: true                                                        \
    fi
#define c_step(...) atomic { MAY_CRASH; __VA_ARGS__ }
/* Within an atomic block: what follows is another access. */
#if ENTRY_AT_ONCE
#define next_access
#else
#define next_access }; atomic { MAY_CRASH;
#endif
#define SET(mask, n) mask = mask | BIT(n)
#define CLEAR(mask, n) mask = mask & ~BIT(n)
#define LAP_OF_H (h / SLOTS)
/* The lap for which slot i becomes EMPTY: the first whose position is not below h, and above its own. */
#define FIRST_LAP(i) (LAP_OF_H + ((i) < h % SLOTS -> 1 : 0))
#define NEXT_LAP(i, own) (FIRST_LAP(i) <= (own) -> (own) + 1 : FIRST_LAP(i))
/* The head that producers shall see, however many slots are listed or held below. */
#define NEW_HEAD (BROKEN(CHUNK_HOLDS_HEAD) && held != 0 -> at_head : h)
#define LAST_FINISHED(account) (((account) & 1) || (account) == 0 -> (account) >> 1 : ((account) >> 1) - 1)

inline list(i, by) {
  d_step {
    if
    :: !HAS(listed, i) -> printf("collector: lists slot %d\n", i); SET(listed, i); listed_owner[i] = by; changed = 1
    :: else
    fi
  }
}

/* READING is this collector's: the copy, and whose it is. Its entry is attached, and cannot be freed by another. */
inline hold(i) {
  d_step {
    printf("collector: holds slot %d\n", i);
    SET(held, i); changed = 1;
    assert(record[i] != 0);
    if
    :: met[OWNER(word[i]) - 1] == 0 -> met[OWNER(word[i]) - 1] = incarnation[OWNER(word[i]) - 1]
    :: else
    fi;
    assert(INC(record[i]) == met[OWNER(word[i]) - 1])
  }
}

/* Of a record that a dead producer left half-way: its last line is the loss at its closing. */
#define IS_KEPT(i) (BROKEN(DEAD_CHUNKS_KEPT) && HAS(is_dead, OWNER(word[i]) - 1) && !IS_ABORTED(record[i]) && \
                    !HAS(published[INC(record[i])], SEQ(record[i])))

/* Held slots whose sequence is in the log, or whose record will never be whole: a later one of its producer was seen. */
inline find_releasable() {
  d_step {
    for (i : 0 .. SLOTS - 1) {
      for (j : 0 .. SLOTS - 1) {
        if
        :: HAS(held, i) && (SEQ(record[i]) <= through[INC(record[i])] && !IS_KEPT(i) || BROKEN(CHUNK_RELEASED_EARLY) ||
           HAS(held, j) && INC(record[j]) == INC(record[i]) && SEQ(record[j]) > SEQ(record[i])) -> SET(releasable, i)
        :: else
        fi
      }
    }
    i = 0; j = 0
  }
}

/* The next record for the log: whole, not in it, of all such the first by incarnation and sequence. 0: none. */
inline find_next() {
  d_step {
    next = 0;
    for (i : 0 .. SLOTS - 1) {
      for (j : 0 .. SLOTS - 1) {
        if
        :: HAS(held, i) && SEQ(record[i]) > through[INC(record[i])] &&
           (IS_ABORTED(record[i]) || CHUNKS_OF(INC(record[i]), SEQ(record[i])) == 1 ||
               HAS(held, j) && record[i] == RECORD(INC(record[i]), SEQ(record[i]), 0, 0) &&
                  record[j] == RECORD(INC(record[i]), SEQ(record[i]), 1, 0)) &&
           (next == 0 || record[i] < next) -> next = record[i]
        :: else
        fi
      }
    }
    i = 0; j = 0
  }
}

inline append_attach_lines() {
  for (e : 0 .. ENTRIES - 1) {
    if
    :: met[e] != 0 && (!HAS(logged[met[e]], ATTACH_LINE) ||
       BROKEN(FORGOTTEN_AT_CLOSING) && HAS(logged[met[e]], CLOSING_LINE)) ->
       MAY_CRASH; line_attach(met[e]); changed = 1
    :: else
    fi
  }
  e = 0
}

inline is_ripe(e) {
  ripe = snapshot[e] != 0 && !HAS(fresh, e) &&
    (!HAS(closing, e) -> (h >= seen_tail[e] || BROKEN(LOSS_BEFORE_WALK)) :
     (h > seen_tail[e] || h == seen_tail[e] && (at_end || BROKEN(CLOSING_BEFORE_TAIL))));
  for (i : 0 .. SLOTS - 1) {
    ripe = ripe && !(HAS(closing, e) && HAS(listed, i) && listed_owner[i] == e + 1)
  }
  i = 0
}

/* What a ripe snapshot decides: the losses behind the last event, and the closing. */
inline settle(e) {
  next = (snapshot[e] == 0 -> 0 : snapshot[e] - 1);
  if
  :: HAS(ripe_ones, e) && met[e] != 0 && !HAS(logged[met[e]], CLOSING_LINE) && next > through[met[e]] ->
     MAY_CRASH; line_loss(met[e], next); changed = 1
  :: else
  fi;
  if
  :: HAS(ripe_ones, e) && HAS(closing, e) && met[e] != 0 && !HAS(logged[met[e]], CLOSING_LINE) ->
     MAY_CRASH; line_closing(met[e]); changed = 1
  :: else
  fi;
  if
  :: HAS(closing, e) && (HAS(ripe_ones, e) || BROKEN(ENTRY_FREED_EARLY)) -> SET(closed, e)
  :: !HAS(closing, e) && HAS(ripe_ones, e) -> snapshot[e] = 0; seen_tail[e] = 0
  :: else
  fi;
  next = 0
}

inline forget() {
  d_step {
    h = 0; at_head = 0; view = 0; at_end = 0; walked = 0; released = 0; listed = 0; held = 0; releasable = 0;
    is_dead = 0; closing = 0; closed = 0; fresh = 0; is_over = 0; changed = 0; started = 0; ripe_ones = 0;
    next = 0; ripe = 0; i = 0; j = 0; e = 0; w = 0; x = 0; before = 0; due = 0;
    for (i : 0 .. SLOTS - 1) { listed_owner[i] = 0 }
    for (i : 0 .. ENTRIES - 1) { met[i] = 0; snapshot[i] = 0; seen_tail[i] = 0 }
    i = 0
  }
}
