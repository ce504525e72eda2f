/* A producer: attach, ATTEMPTS writes, detach; LIVES times, each as a new process. Follows lib/ring/producer*.hpp. */

/* One access. Before it: killed, or stopped for ever. */
#define p_step(...) atomic {                                       \
    if                                                             \
    :: kills > 0 -> kills--; goto died                             \
    :: stops > 0 && MAY_STOP -> stops--; goto stops_here           \
    :: true                                                        \
    fi;                                                            \
    __VA_ARGS__                                                    \
  }
#define CHUNKS_OF(inc, n) (CHUNKED == 1 && ((n) & 1) || CHUNKED == 2 && (inc) == 1 -> 2 : 1)
#define HERE (t % SLOTS)
#define MY_LAP (t / SLOTS)
#define MAY_STOP (!FIRST_STOPS || inc == 1 && STATE(word[HERE]) == WRITING && OWNER(word[HERE]) == e + 1)
#define IS_FREE(w) (STATE(w) == EMPTY && LAP(w) <= MY_LAP)
#define ENTRY_IS_FREE(e) ((e) < ENTRIES && (!OWN_ENTRIES || (e) == p) && owner[(e) % ENTRIES] == 0)

proctype producer(byte p) {
  byte inc = p * LIVES, e, n, t, w, chunk, first, tries, x;
  bit announced, late;

next_life:
  atomic {
    inc++;
    e = 0; n = 0; t = 0; w = 0; chunk = 0; first = 0; announced = 0; late = 0; tries = 0;
    if
    :: inc > (p + 1) * LIVES -> inc = 0; running--; dirty = 1; goto over
    :: else
    fi
  }

  /* ------------------------------------------------------------------------------------------------------ attach */
  /* owner_claim. With no entry or lane free attach refuses, and is called again. */
  atomic {
    (ENTRY_IS_FREE(0) || ENTRY_IS_FREE(1) || ENTRY_IS_FREE(2)) && (!EXCLUSIVE || lane_owner == 0 || stopped != 0);
    if
    :: EXCLUSIVE && lane_owner != 0 -> goto next_life /* for ever, perhaps */
    :: else
    fi;
    if
    :: ENTRY_IS_FREE(0) -> e = 0
    :: ENTRY_IS_FREE(1) -> e = 1
    :: ENTRY_IS_FREE(2) -> e = 2
    fi;
    printf("inc %d: owner_claim of entry %d\n", inc, e);
    assert_unnamed(e);
    assert(lane_owner != e + 1);
    owner[e] = OWNED(inc, ATTACHING); dirty = 1
  }
#if ATTACH_AT_ONCE && !EXCLUSIVE
  atomic { incarnation[e] = inc; owner[e] = OWNED(inc, ATTACHED); goto attempt }
#endif
  p_step( printf("inc %d: incarnation_set\n", inc); incarnation[e] = inc; dirty = 1 )
#if EXCLUSIVE
  p_step(
    dirty = 1;
    if
    :: lane_owner == 0 -> printf("inc %d: lane_take\n", inc); lane_owner = e + 1
    :: else -> goto no_lane
    fi
  )
  p_step( t = tail )
#endif
  p_step( printf("inc %d: attached\n", inc); owner[e] = OWNED(inc, ATTACHED); dirty = 1 )

  /* ----------------------------------------------------------------------------------------------------- attempt */
attempt:
  p_step(
    n++;
    printf("inc %d: attempt %d\n", inc, n);
    account[e] = n << 1; attempted[inc] = n; dirty = 1
  )

  /* claim_shared, claim_exclusive: one position. An exclusive lane's tail is its owner's own. */
claim:
#if !EXCLUSIVE
  p_step( t = tail; assert(t < 15 * SLOTS) /* beyond all that the bounds ask for: positions climb without end */ )
#if MUTATION == TAIL_BEFORE_CLAIM
  p_step( if :: tail == t -> tail = t + 1; dirty = 1 :: else -> goto claim fi )
#endif
#else
#if MUTATION == TAIL_BEFORE_CLAIM
  p_step( tail = t + 1; dirty = 1 )
#endif
#endif
  p_step( /* look, look_alone */
    w = word[HERE];
    if
    :: IS_FREE(w)
    :: !IS_FREE(w) && LAP(w) >= MY_LAP -> goto help_tail
    :: else -> goto not_free
    fi
  )
  p_step( /* claim, claim_alone */
    if
    :: word[HERE] == w || EXCLUSIVE || BROKEN(CLAIM_BY_STORE) ->
       assert(!EXCLUSIVE || lane_owner == e + 1);
       printf("inc %d: claim of position %d\n", inc, t);
       word[HERE] = WORD(MY_LAP, e + 1, WRITING); record[HERE] = 0; dirty = 1; w = 0
    :: else -> goto claim
    fi
  )
  goto claimed;

not_free:
  p_step( /* head_seen */
    if
    :: STEPS_OVER(t)
    :: !STEPS_OVER(t) && POLICY == OVERWRITE && STATE(w) == READY -> goto overwrite
    :: !STEPS_OVER(t) && POLICY == OVERWRITE && STATE(w) != READY -> goto help_tail /* a writer's or the collector's */
    :: !STEPS_OVER(t) && POLICY == WAIT && !late && !announced -> goto wait
    :: !STEPS_OVER(t) && POLICY == WAIT && !late && announced -> goto sleep
    :: !STEPS_OVER(t) && (POLICY == DROP || late) -> goto finish
    fi
  )
  p_step( /* the second look: the collector may have released it just before it published this head */
    if
    :: word[HERE] == w -> goto help_tail
    :: else -> goto claim
    fi
  )

overwrite:
  p_step(
    if
    :: word[HERE] == w || BROKEN(OVERWRITE_BY_STORE) ->
       printf("inc %d: overwrite at position %d\n", inc, t);
       overwritten[INC(record[HERE])] = overwritten[INC(record[HERE])] | BIT(SEQ(record[HERE]));
       word[HERE] = WORD(MY_LAP, e + 1, WRITING); record[HERE] = 0; dirty = 1; w = 0;
       goto claimed
    :: else -> goto claim
    fi
  )

  /* sleep_until_freed: announce, look at `freed`, try again, sleep, try again. */
wait:
  p_step( /* waiters_add */ waiters++; announced = 1; tries = 0; dirty = 1 )
  p_step( /* freed_seen */ seen_freed = seen_freed | BIT(p); w = 0; goto claim )
sleep:
  p_step( /* freed_sleep: the kernel compares once more */
    if
    :: HAS(seen_freed, p) ->
       printf("inc %d: sleeps\n", inc); asleep = asleep | BIT(p); dirty = 1
    :: else
    fi;
    seen_freed = seen_freed & ~BIT(p); w = 0; tries = 0 /* of each try, as before */
  )
  atomic {
    if
    :: kills > 0 -> kills--; goto died
    :: !HAS(asleep, p)
    :: TIMEOUTS && HAS(asleep, p) -> asleep = asleep & ~BIT(p); late = 1
    fi
  }
  p_step( /* waiters_leave */ waiters--; announced = 0; dirty = 1; goto claim )

help_tail:
  p_step( /* tail_help, tail_own */
    if
    :: EXCLUSIVE -> t++; tail = t; dirty = 1
    :: !EXCLUSIVE && tail == t -> tail = t + 1; dirty = 1
    :: else
    fi;
    printf("inc %d: tail is past position %d\n", inc, t);
    w = 0; tries++;
    if
    :: tries == 2 * SLOTS + 2 && (POLICY != WAIT || late) -> goto finish /* contended */
    :: tries == 2 * SLOTS + 2 && POLICY == WAIT && !late && !announced -> goto wait
    :: tries == 2 * SLOTS + 2 && POLICY == WAIT && !late && announced -> goto sleep
    :: else -> goto claim
    fi
  )

claimed:
  p_step( /* tail_help, tail_own */
    if
    :: EXCLUSIVE || tail == t -> tail = t + 1; dirty = 1
    :: else
    fi;
    tries = 0;
    if
    :: chunk == 0 -> first = t
    :: else
    fi;
    if
    :: announced
    :: else -> goto publish
    fi
  )
  p_step( /* waiters_leave */ waiters--; announced = 0; seen_freed = seen_freed & ~BIT(p); dirty = 1 )

publish:
  /* publish. Until then the slot was nobody else's. Given up: READY, flagged aborted. */
  p_step(
    assert(word[HERE] == WORD(MY_LAP, e + 1, WRITING) && record[HERE] == 0);
    word[HERE] = WORD(MY_LAP, e + 1, READY); dirty = 1;
    if
    :: ABORTS || t - first >= SLOTS ->
       printf("inc %d: publish of seq %d at position %d, aborted\n", inc, n, t);
       record[HERE] = RECORD(inc, n, 0, 1); chunk = CHUNKS_OF(inc, n)
    :: t - first < SLOTS ->
       printf("inc %d: publish of seq %d chunk %d at position %d\n", inc, n, chunk, t);
       record[HERE] = RECORD(inc, n, chunk, 0);
       chunk++;
       if
       :: chunk == CHUNKS_OF(inc, n) -> assert(!HAS(logged[inc], n)); published[inc] = published[inc] | BIT(n)
       :: else
       fi
    fi;
    t = (EXCLUSIVE -> t + 1 : 0);
    if
    :: chunk < CHUNKS_OF(inc, n) -> goto claim
    :: else
    fi
  )

finish:
  p_step(
    printf("inc %d: finish %d\n", inc, n);
    account[e] = (n << 1) | 1; dirty = 1;
    w = 0; chunk = 0; first = 0; late = 0; tries = 0;
    t = (EXCLUSIVE -> t : 0);
    if
    :: n < (inc == 1 -> FIRST_ATTEMPTS : ATTEMPTS) -> goto attempt
    :: else
    fi
  )
  goto detach;

no_lane:
  p_step( incarnation[e] = 0; dirty = 1 )
detach:
  p_step( printf("inc %d: left\n", inc); owner[e] = OWNED(inc, LEFT); dirty = 1 )
  goto next_life;

died:
  atomic {
    printf("inc %d DIES\n", inc);
    dead = dead | BIT(inc); asleep = asleep & ~BIT(p); seen_freed = seen_freed & ~BIT(p); dirty = 1;
    goto next_life
  }
stops_here:
  atomic {
    printf("inc %d is STOPPED for ever\n", inc);
    stopped = stopped | BIT(inc); running--; dirty = 1
  }
over:
  skip
}
