/* The collector: passes in the order of lib/collect/collector.hpp, steps of lib/ring/reader_slots.ipp, reader_entries.ipp.
 *
 * Appending lines is one step with a crash possible before each line: no producer reads the log. */

#include "pass.pml"

proctype collector() {
  byte h, at_head, view, walked, i, j, e, w, x, before, next;
  byte listed, held, releasable, listed_owner[SLOTS];              /* by slot */
  byte met[ENTRIES], snapshot[ENTRIES], seen_tail[ENTRIES];        /* snapshot: sequence + 1; 0: none */
  byte is_dead, closing, closed, fresh, ripe_ones;                            /* by entry */
  bit at_end, released, ripe, due, changed, started, is_over;

  /* ------------------------------------------------------------------------------------- start: look_over, entries */
start:
  c_step( /* head_resume, which nobody else stores, and tail_seen */
    printf("collector: starts at %d\n", head);
    h = head; at_head = h; view = tail; started = 0; due = 1; changed = 1;
    released = (POLICY == WAIT && !BROKEN(NO_WAKE_AT_START));
    if
    :: BROKEN(NO_LOOK_OVER) -> goto entries
    :: else
    fi
  )
look_over:
  c_step(
    if
    :: STATE(word[i]) != EMPTY && POSITION(word[i], i) < h -> list(i, OWNER(word[i]))
    :: else
    fi;
    i++;
    if
    :: i < SLOTS -> goto look_over
    :: else -> i = 0; goto entries
    fi
  )

  /* ----------------------------------------------------------------------------------------------- pass: 1 entries */
pass:
  c_step(
    at_end = 0; walked = 0; due = 0;
    if
    :: due = 1; dirty = 0; changed = 0; goto entries
    :: NOT_DUE && changed -> changed = 0; goto tails
    :: NOT_DUE && changed -> changed = 0; goto walk
    fi
  )
entries:
  atomic {
    MAY_CRASH;
    if
    :: BROKEN(TAIL_BEFORE_ACCOUNT) -> view = tail
    :: else
    fi;
    next_access /* owner_seen: who it is, and the proof. An entry in use stays its owner's, so these two are one. */
entry:
    before = owner[e];
    if
    :: before == 0 || HAS(closing, e) -> goto next_entry
    :: before != 0 && !HAS(closing, e) && BROKEN(ACCOUNT_BEFORE_PROOF) -> next = account[e]
    :: else -> skip
    fi;
    if
    :: HAS(dead, IDENTITY(before)) && !BROKEN(STATE_BEFORE_PROOF) && !BROKEN(ACCOUNT_BEFORE_PROOF) -> SET(is_dead, e)
    :: else
    fi;
    next_access /* owner_seen again, after the proof; and incarnation_seen, which stands by then */
    if
    :: HAS(dead, IDENTITY(before)) && (BROKEN(STATE_BEFORE_PROOF) || BROKEN(ACCOUNT_BEFORE_PROOF)) -> SET(is_dead, e)
    :: else
    fi;
    w = (BROKEN(STATE_BEFORE_PROOF) -> before : owner[e]);
    assert(IDENTITY(w) == IDENTITY(before));
    is_over = HAS(is_dead, e) || STATE(w) == LEFT;
    if
    :: STATE(w) == ATTACHING && !is_over -> goto next_entry
    :: STATE(w) != ATTACHING && met[e] == 0 -> met[e] = incarnation[e]
    :: else
    fi;
    if
    :: !is_over && snapshot[e] != 0 -> goto next_entry
    :: else
    fi;
    next_access /* account_seen */
    next = (BROKEN(ACCOUNT_BEFORE_PROOF) -> next : account[e]);
    snapshot[e] = 1 + (is_over || BROKEN(LOSS_OF_ATTEMPTED) -> next >> 1 : LAST_FINISHED(next));
    SET(fresh, e);
    if
    :: is_over -> printf("collector: entry %d is over\n", e); SET(closing, e); changed = 1
    :: else
    fi
  }
next_entry:
  atomic {
    before = 0; w = 0; is_over = 0; next = 0; e++;
    if
    :: e < ENTRIES -> goto entry
    :: e == ENTRIES && started -> e = 0; goto tails
    :: else -> e = 0; started = 1
    fi
  }
  /* start: attach lines, then what no entry names is dropped; were it open, it would be gone. */
  atomic {
    append_attach_lines();
    for (i : 1 .. LIVES_ALL) {
      assert(!HAS(logged[i], ATTACH_LINE) || HAS(logged[i], CLOSING_LINE) || met[0] == i || met[1 % ENTRIES] == i ||
             met[2 % ENTRIES] == i)
    }
    i = 0;
    goto pass
  }

  /* ------------------------------------------------------------------------------------------------------ 2 tails */
tails:
  c_step( /* tail_seen */
    if
    :: BROKEN(TAIL_BEFORE_ACCOUNT) && due
    :: else -> view = tail
    fi;
    if
    :: BROKEN(JUMP_BY_DIFFERENCE) && ((view + 256 - h) % 256) > 2 * SLOTS -> goto jump
    :: !BROKEN(JUMP_BY_DIFFERENCE) && view > h + 2 * SLOTS -> goto jump
    :: else -> goto snapshots
    fi
  )
jump:
  c_step( /* observe */
    if
    :: !HAS(held, i) && STATE(word[i]) != EMPTY && POSITION(word[i], i) < view - SLOTS && !BROKEN(JUMP_LISTS_NOTHING) ->
       list(i, OWNER(word[i]))
    :: else
    fi;
    i++;
    if
    :: i < SLOTS -> goto jump
    :: else -> i = 0; h = view - SLOTS; changed = 1; printf("collector: jumps to %d\n", h)
    fi
  )
snapshots:
  atomic {
    for (e : 0 .. ENTRIES - 1) {
      if
      :: due && HAS(fresh, e) -> CLEAR(fresh, e); seen_tail[e] = view
      :: else
      fi
    }
    e = 0
  }

  /* ------------------------------------------------------------------------------------------------------- 3 walk */
walk:
  c_step( /* observe */
    i = h % SLOTS; w = word[i]; walked++;
    if
    :: LAP(w) > LAP_OF_H -> h++; changed = 1
    :: LAP(w) <= LAP_OF_H && STATE(w) == EMPTY && view <= h -> at_end = 1
    :: LAP(w) < LAP_OF_H && STATE(w) != EMPTY && view <= h -> at_end = 1
    :: LAP(w) <= LAP_OF_H && STATE(w) == EMPTY && view > h -> goto step_over
    :: LAP(w) == LAP_OF_H && STATE(w) == READY -> goto take
    :: LAP(w) == LAP_OF_H && STATE(w) == READING -> hold(i); h++
    :: LAP(w) == LAP_OF_H && STATE(w) == WRITING -> list(i, OWNER(w)); h++
    :: LAP(w) < LAP_OF_H && STATE(w) == READING && view > h -> h++; changed = 1
    :: LAP(w) < LAP_OF_H && (STATE(w) == WRITING || STATE(w) == READY) && view > h -> list(i, OWNER(w)); h++
    fi;
    i = 0; w = 0;
    goto walk_on
  )
step_over:
  c_step(
    if
    :: word[i] == w ->
       printf("collector: step_over at %d\n", h); word[i] = WORD(LAP_OF_H + 1, 0, EMPTY); h++
    :: else
    fi;
    changed = 1; i = 0; w = 0;
    goto walk_on
  )
take:
  c_step(
    if
    :: word[i] == w -> word[i] = WORD(LAP(w), OWNER(w), READING); hold(i); h++
    :: else -> changed = 1
    fi;
    i = 0; w = 0;
    goto walk_on
  )
walk_on:
  atomic {
    if
    :: at_end || walked == WALK -> walked = 0; view = (NOT_DUE -> view : 0)
    :: else -> goto walk
    fi
  }

  /* ----------------------------------------------------------------------------------------------- 4 stalled slots */
#if MUTATION == LOSS_BEFORE_STALLED_LIST
  goto append;
#endif
revisit:
  atomic {
    do /* private: the next listed slot */
    :: i == SLOTS -> i = 0; goto revisited
    :: i < SLOTS && !HAS(listed, i) -> i++
    :: i < SLOTS && HAS(listed, i) && HAS(held, i) -> CLEAR(listed, i); listed_owner[i] = 0; i++
    :: i < SLOTS && HAS(listed, i) && !HAS(held, i) -> break
    od
  }
  c_step( /* observe: the slot is judged by the position that its word names now */
    w = word[i];
    if
    :: STATE(w) == EMPTY || POSITION(w, i) >= h && !BROKEN(LISTED_BY_NUMBER) -> goto unlist
    :: else -> listed_owner[i] = OWNER(w)
    fi;
    if
    :: STATE(w) == READY -> goto take_late
    :: STATE(w) == READING && !BROKEN(LISTED_READING_LEFT) -> hold(i); goto unlist
    :: STATE(w) == READING && BROKEN(LISTED_READING_LEFT) -> goto unlist
    :: STATE(w) == WRITING && (HAS(is_dead, OWNER(w) - 1) || BROKEN(FREED_ON_TIME_OUT)) -> goto free_dead
    :: else -> i++; w = 0; goto revisit
    fi
  )
take_late:
  c_step( /* take; lost: it stays */
    if
    :: word[i] == w -> word[i] = WORD(LAP(w), OWNER(w), READING); hold(i); goto unlist
    :: else -> changed = 1; i++; w = 0; goto revisit
    fi
  )
free_dead:
  c_step(
    changed = 1; released = released || POLICY == WAIT && !BROKEN(NO_WAKE_FOR_DEAD);
    if
    :: word[i] == w -> printf("collector: free_dead of slot %d\n", i); word[i] = WORD(NEXT_LAP(i, LAP(w)), 0, EMPTY)
    :: else -> i++; w = 0; goto revisit
    fi
  )
unlist:
  atomic { CLEAR(listed, i); listed_owner[i] = 0; changed = 1; i++; w = 0; goto revisit }
revisited:
#if MUTATION == LOSS_BEFORE_STALLED_LIST
  goto release;
#endif

  /* --------------------------------------------------------------------- 5 events and gaps, 6 losses and closings */
append:
#if MUTATION == RELEASE_BEFORE_APPEND
  c_step( word[0] = (HAS(held, 0) -> WORD(LAP(word[0]) + 1, 0, EMPTY) : word[0]) )
#endif
  atomic {
    append_attach_lines();
    for (e : 0 .. ENTRIES - 1) { /* decided before any line: a ripe live snapshot is spent */
      is_ripe(e);
      if
      :: !ripe && snapshot[e] != 0 && !HAS(closing, e) -> changed = 1
      :: !ripe -> skip
      :: ripe -> SET(ripe_ones, e)
      fi
    }
    e = 0; ripe = 0;
    do
    :: find_next();
       if
       :: next == 0 -> break
       :: next != 0 && SEQ(next) > through[INC(next)] + 1 && !BROKEN(EVENT_BEFORE_GAP) ->
          MAY_CRASH; line_loss(INC(next), SEQ(next) - 1)
       :: else
       fi;
       MAY_CRASH;
       if
       :: IS_ABORTED(next) -> line_loss(INC(next), SEQ(next))
       :: else -> before = through[INC(next)]; line_event(INC(next), SEQ(next))
       fi;
       changed = 1;
       if
       :: BROKEN(EVENT_BEFORE_GAP) && !IS_ABORTED(next) && before + 1 < SEQ(next) ->
          MAY_CRASH; through[INC(next)] = before; line_loss(INC(next), SEQ(next) - 1); through[INC(next)] = SEQ(next)
       :: else
       fi;
       before = 0
    od;
    for (e : 0 .. ENTRIES - 1) { settle(e) }
    e = 0; ripe_ones = 0; find_releasable()
  }
#if MUTATION == LOSS_BEFORE_STALLED_LIST
  goto revisit;
#endif

  /* ------------------------------------------------------------------- 7 release, 8 publish the head, 9 free entries */
release:
  atomic {
    do
    :: i == SLOTS -> i = 0; goto publish_head
    :: i < SLOTS && !HAS(releasable, i) -> i++
    :: i < SLOTS && HAS(releasable, i) -> break
    od
  }
  c_step(
    printf("collector: release of slot %d\n", i);
    word[i] = WORD(NEXT_LAP(i, LAP(word[i])), 0, EMPTY);
    record[i] = 0; CLEAR(held, i); CLEAR(releasable, i); released = (POLICY == WAIT); changed = 1; i++;
    goto release
  )
  /* FREED_BEFORE_HEAD: the bump is here. SLEEP_ON_HEAD: the head is the word that sleepers compare, and only where it has
   * moved are they told. */
publish_head:
#if MUTATION == FREED_BEFORE_HEAD
  c_step( seen_freed = 0; printf("collector: freed_bump\n") )
#endif
  atomic {
    if
    :: NEW_HEAD == at_head -> released = released && !BROKEN(SLEEP_ON_HEAD); goto wake
    :: else
    fi;
    MAY_CRASH;
    /* Where every slot is stalled or held, a head that moves helps nobody. */
    released = released || POLICY == WAIT && ((listed | held) != BIT(SLOTS) - 1 || BROKEN(WAKE_WHEN_TAKEN));
    head = NEW_HEAD; at_head = head; changed = 1; printf("collector: head_publish %d\n", head);
    seen_freed = (BROKEN(SLEEP_ON_HEAD) -> 0 : seen_freed)
  }
wake:
  atomic {
    if
    :: !released || POLICY != WAIT -> released = 0; goto free_entries
    :: else -> released = 0
    fi
  }
  c_step(
    seen_freed = (BROKEN(SLEEP_ON_HEAD) || BROKEN(FREED_BEFORE_HEAD) -> seen_freed : 0);
    printf("collector: freed_bump\n")
  )
  c_step( /* waiters_seen, and wake: who sleeps later has seen the bump */
    if
    :: waiters != 0 -> printf("collector: wakes\n"); asleep = 0; dirty = 1
    :: else
    fi
  )
free_entries:
  atomic {
    do
    :: e == ENTRIES -> e = 0; closed = 0; goto passed
    :: e < ENTRIES && !HAS(closed, e) -> e++
    :: e < ENTRIES && HAS(closed, e) -> break
    od
  }
#if EXCLUSIVE
  c_step( /* lane_free: by what the lane says */
    lane_owner = (lane_owner == e + 1 || BROKEN(LANE_FREED_BY_ENTRY) -> 0 : lane_owner)
  )
#endif
  c_step( /* entry_zero, four stores */ account[e] = 0 )
  c_step( incarnation[e] = 0 )
  c_step(
    printf("collector: frees entry %d\n", e);
    owner[e] = 0; waiters = (BROKEN(DEAD_NOT_COUNTED) && HAS(is_dead, e) && waiters > 0 -> waiters - 1 : waiters);
    met[e] = 0; snapshot[e] = 0; seen_tail[e] = 0; changed = 1;
    CLEAR(is_dead, e); CLEAR(closing, e); CLEAR(fresh, e); e++;
    goto free_entries
  )

  /* A pass that looked at all, changed nothing, and beside which nothing was changed, would be the same again. */
passed:
  atomic {
    if
    :: changed || dirty || !due -> goto pass
    :: else
    fi
  }
end_idle:
  atomic {
    if
    :: dirty -> changed = 1; goto pass
    :: !dirty && running == 0 -> assert_the_end(); goto over
    fi
  }
crashed:
  printf("collector CRASHES\n");
  forget();
  goto start;
over:
  skip
}
