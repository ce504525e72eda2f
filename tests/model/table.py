"""What `run` searches: bounds by mode, and which bounds show each mutation."""
import random
from typing import NamedTuple


SMALL = ("-O0", "-DSAFETY", "-DCOLLAPSE")  # to compile takes longer than to search
LARGE = ("-O2", "-DSAFETY", "-DCOLLAPSE")
BITS = ("-O2", "-DSAFETY", "-DBITSTATE")  # remembers a bit or so of each state: not exhaustive, and says so
ENDS = ("-O0", "-DNP", "-DCOLLAPSE")  # with -l: no cycle, so every execution comes to its end; deadlocks are not looked for
LARGE_ENDS = ("-O2", "-DNP", "-DCOLLAPSE")


class Search(NamedTuple):
    name: str
    mode: str             # the first of quick, check, long that runs it
    bounds: list
    how: tuple = SMALL    # compiler options of pan
    pan: tuple = ()       # options of pan
    model: str = "ring.pml"


class Mutation(NamedTuple):
    name: str
    mode: str
    bounds: list
    model: str = "ring.pml"


MODES = ["quick", "check", "long"]
SEARCHES_IN_CHECK = MUTATIONS_IN_CHECK = 2  # beside those of quick
COARSE = "ENTRY_AT_ONCE=1 ATTACH_AT_ONCE=1 "


def search(mode, name, bounds, **more):
    return Search(name, mode, bounds.split(), **more)


ALONE = "PRODUCERS=1 ENTRIES=1 "
ONE_ENTRY = COARSE + "ENTRIES=1 ATTEMPTS=1 KILLS=1"
ONE_AGAIN = ALONE + "LIVES=2 ATTEMPTS=1 KILLS=1 CRASHES=1"
WAITS = ALONE + COARSE + "ATTEMPTS=3 POLICY=WAIT CRASHES=1"
STOPPED_IN_SLOT = COARSE + "FIRST_ATTEMPTS=1 ATTEMPTS=2 POLICY=WAIT STOPS=1 FIRST_STOPS=1 OWN_ENTRIES=1"
ONE_HALFWAY = ALONE + COARSE + "ATTEMPTS=1 CHUNKED=1 KILLS=1 CRASHES=1"
TWO_HALFWAY = COARSE + "ENTRIES=1 ATTEMPTS=1 CHUNKED=1 KILLS=1"
STOPPED_HALFWAY = COARSE + "SLOTS=3 ATTEMPTS=1 CHUNKED=2 STOPS=1 FIRST_STOPS=1 OWN_ENTRIES=1"
WAITS_HALFWAY = ALONE + COARSE + "ATTEMPTS=2 CHUNKED=1 POLICY=WAIT KILLS=1 CRASHES=1"
# The next life sleeps on what the dead has left: as two would, one after the other.
WAITS_AGAIN = COARSE + "PRODUCERS=1 ENTRIES=2 LIVES=2 SLOTS=1 ATTEMPTS=2 POLICY=WAIT KILLS=1"
ONE_SLOT = COARSE + "SLOTS=1 ATTEMPTS=1 POLICY=WAIT OWN_ENTRIES=1"
ONE_STOPS = COARSE + "ATTEMPTS=1 STOPS=1 OWN_ENTRIES=1"
SEARCHES = [
    search("quick", "one dies and comes again", ONE_AGAIN),
    search("quick", "one dies and comes again: every execution ends", ONE_AGAIN, how=ENDS, pan=("-l",)),
    search("quick", "one, exclusive lane", ALONE + "EXCLUSIVE=1 LIVES=2 ATTEMPTS=1 KILLS=1 CRASHES=1"),
    search("quick", "two, one entry, one dies", ONE_ENTRY),
    search("check", "two, one entry, one dies: every execution ends", ONE_ENTRY, how=ENDS, pan=("-l",)),
    search("long", "one, waits", WAITS),
    search("check", "one, waits: every execution ends", WAITS, how=ENDS, pan=("-l",)),
    search("long", "one, chunks", ALONE + COARSE + "ATTEMPTS=1 CHUNKED=1 CRASHES=1"),
    search("check", "two, one entry, chunks", COARSE + "ENTRIES=1 ATTEMPTS=1 CHUNKED=1"),
    search("check", "one, overwrites, dies", ALONE + COARSE + "ATTEMPTS=3 POLICY=OVERWRITE CRASHES=1 KILLS=1"),
    search("long", "two", COARSE + "ATTEMPTS=1"),
    search("check", "two, one stops for ever", COARSE + "ATTEMPTS=1 STOPS=1", how=LARGE),
    search("long", "two, one dies", COARSE + "ATTEMPTS=1 KILLS=1", how=LARGE),
    search("check", "one, three slots, overwrites, aborts",
           ALONE + COARSE + "SLOTS=3 ATTEMPTS=3 ABORTS=1 CRASHES=1 POLICY=OVERWRITE", how=LARGE),
    search("long", "two, wait, the second writes twice", COARSE + "FIRST_ATTEMPTS=1 ATTEMPTS=2 POLICY=WAIT", how=LARGE,
           pan=("-w26",)),
    search("long", "two, wait for one slot", COARSE + "SLOTS=1 ATTEMPTS=1 POLICY=WAIT", how=LARGE, pan=("-w25",)),
    search("long", "two, one dies, a crash", COARSE + "ATTEMPTS=1 KILLS=1 CRASHES=1", how=LARGE, pan=("-w26",)),
    search("long", "two, a crash", COARSE + "ATTEMPTS=1 CRASHES=1", how=LARGE),
    search("long", "two, wait, one stops for ever in its slot", STOPPED_IN_SLOT, how=LARGE, pan=("-w25",)),
    search("check", "two, three slots", COARSE + "SLOTS=3 ATTEMPTS=1", how=LARGE),
    search("long", "two, three slots, chunks", COARSE + "SLOTS=3 ATTEMPTS=1 CHUNKED=1 OWN_ENTRIES=1", how=LARGE, pan=("-w25",)),
    search("long", "one, chunks, dies, a crash", ONE_HALFWAY),
    search("check", "one, chunks, dies and comes again, a crash", ALONE + "LIVES=2 ATTEMPTS=1 CHUNKED=1 KILLS=1 CRASHES=1"),
    search("long", "two, one entry, chunks, one dies, a crash", TWO_HALFWAY + " CRASHES=1"),
    search("long", "two, one entry, chunks, one dies: ends", TWO_HALFWAY, how=ENDS, pan=("-l",)),
    search("check", "one, waits, dies, a crash", WAITS + " KILLS=1"),
    search("check", "one, waits with chunks, dies, a crash", WAITS_HALFWAY),
    search("long", "one, waits with chunks, dies, a crash: ends", WAITS_HALFWAY, how=ENDS, pan=("-l",)),
    search("long", "one, waits for one slot, dies, comes again", WAITS_AGAIN, how=LARGE),
    search("long", "two, one stops for ever: ends", ONE_STOPS, how=LARGE_ENDS, pan=("-l",)),
    search("long", "two, three slots, chunks, one stops halfway", STOPPED_HALFWAY, how=LARGE),
    search("long", "two, three slots, chunks, one stops: ends", STOPPED_HALFWAY, how=LARGE_ENDS, pan=("-l",)),
    search("long", "one, waits for one slot, comes again: ends", WAITS_AGAIN, how=LARGE_ENDS, pan=("-l",)),
    search("long", "two, chunks, one dies", COARSE + "ATTEMPTS=1 CHUNKED=2 KILLS=1 OWN_ENTRIES=1", how=LARGE, pan=("-w25",)),
    search("long", "two, wait for one slot, one dies", ONE_SLOT + " KILLS=1", how=LARGE, pan=("-w25",)),
    search("long", "two, wait for one slot: ends", ONE_SLOT, how=LARGE_ENDS, pan=("-l", "-w25")),
    search("long", "three, one entry, one dies", COARSE + "PRODUCERS=3 ENTRIES=1 ATTEMPTS=1 KILLS=1"),
    search("long", "three, two entries", COARSE + "PRODUCERS=3 ATTEMPTS=1", how=LARGE, pan=("-w26",)),
    search("long", "three, three entries, one dies", COARSE + "PRODUCERS=3 ENTRIES=3 ATTEMPTS=1 KILLS=1", how=BITS,
           pan=("-w26",)),
]

# Most of them are within the bounds of a few searches, which are then made once.
MUTATIONS = [Mutation(name, mode, bounds.split()) for name, mode, bounds in [
    ("FREED_ON_TIME_OUT", "quick", ALONE),
    ("LOSS_BEFORE_STALLED_LIST", "quick", ALONE),
    ("LOSS_OF_ATTEMPTED", "check", ALONE),
    ("RELEASE_BEFORE_APPEND", "check", ALONE + "CRASHES=1"),
    ("NO_LOOK_OVER", "check", ALONE + "CRASHES=1"),
    ("LISTED_READING_LEFT", "check", ALONE + "CRASHES=1"),
    ("FORGOTTEN_AT_CLOSING", "check", ALONE + "CRASHES=1"),
    ("STATE_BEFORE_PROOF", "check", ALONE + "LIVES=2 KILLS=1"),
    ("ACCOUNT_BEFORE_PROOF", "check", ALONE + "LIVES=2 KILLS=1"),
    ("ENTRY_FREED_EARLY", "check", ALONE + "LIVES=2 KILLS=1"),
    ("TAIL_BEFORE_ACCOUNT", "check", ALONE + "KILLS=1 WALK=1"),
    ("LOSS_BEFORE_WALK", "check", ALONE + "KILLS=1 WALK=1"),
    ("CLOSING_BEFORE_TAIL", "check", ALONE + "KILLS=1 WALK=1"),
    ("TAIL_BEFORE_CLAIM", "check", ALONE + "EXCLUSIVE=1 LIVES=2 KILLS=1"),
    ("LANE_FREED_BY_ENTRY", "check", "PRODUCERS=1 ENTRIES=2 EXCLUSIVE=1 LIVES=2 ATTEMPTS=1 CRASHES=1"),
    ("CHUNK_RELEASED_EARLY", "check", ALONE + COARSE + "CHUNKED=1 ATTEMPTS=1 CRASHES=1"),
    ("OVERWRITE_BY_STORE", "check", ALONE + COARSE + "POLICY=OVERWRITE ATTEMPTS=3"),
    ("JUMP_BY_DIFFERENCE", "check", ALONE + COARSE + "POLICY=OVERWRITE ATTEMPTS=3"),
    ("EVENT_BEFORE_GAP", "check", ALONE + COARSE + "POLICY=OVERWRITE ATTEMPTS=3 KILLS=1 CRASHES=1"),
    ("NO_WAKE_AT_START", "check", WAITS),
    ("DEAD_CHUNKS_KEPT", "check", ONE_HALFWAY),
    ("CHUNK_HOLDS_HEAD", "check", STOPPED_HALFWAY),
    ("NO_WAKE_FOR_DEAD", "check", WAITS_AGAIN),
    ("DEAD_NOT_COUNTED", "check", WAITS_AGAIN),
    ("SLEEP_ON_HEAD", "check", WAITS_AGAIN),
    ("CLAIM_BY_STORE", "check", COARSE + "ATTEMPTS=1"),
    ("NO_STEP_OVER", "check", COARSE + "ATTEMPTS=1 STOPS=1"),
    ("WAKE_WHEN_TAKEN", "long", COARSE + "SLOTS=1 ATTEMPTS=1 POLICY=WAIT"),
    ("FREED_BEFORE_HEAD", "long", STOPPED_IN_SLOT),
    ("JUMP_LISTS_NOTHING", "long", ALONE + COARSE + "POLICY=OVERWRITE ATTEMPTS=4 CRASHES=1"),
    ("LISTED_BY_NUMBER", "long", ALONE + COARSE + "POLICY=OVERWRITE ATTEMPTS=4 CRASHES=1"),
]]

OPENED, CLOSED = "CRASHES=1 UNLINKS=1", "CRASHES=1 UNLINKS=1 GHOSTS=0"
MADE_TWICE = "CRASHES=2 UNLINKS=2 RINGS=3 PRODUCERS=2"
RINGS = [
    search("check", "two rings of one name", OPENED + " KILLS=1", model="rings.pml", how=LARGE),
    search("check", "two rings, the first cannot be opened", CLOSED, model="rings.pml", how=LARGE),
    search("long", "three rings of one name", MADE_TWICE, model="rings.pml", how=LARGE, pan=("-w26",)),
    *[Mutation(name, "check", bounds.split(), "rings.pml") for name, bounds in [
        ("IDENTITY_NOT_COMPARED", OPENED),
        ("ONE_DRAIN", OPENED),
        ("GIVEN_UP_ALIVE", OPENED),
        ("GONE_BEHIND_START", OPENED),
        ("FORGOTTEN_RETIRED", OPENED),
        ("NOT_NAMED", CLOSED),
    ]],
]


ALL = SEARCHES + MUTATIONS + RINGS


def is_for_later(mode, row):
    """Whether a later mode has the search within the bounds of this mutation, unbroken: then it is not made twice."""
    same = [search for search in SEARCHES + RINGS if isinstance(search, Search) and search.model == row.model
            and set(search.bounds) == set(row.bounds) and "-DSAFETY" in search.how]
    return bool(same) and all(MODES.index(search.mode) > MODES.index(mode) for search in same)


def chosen(mode, names, part, seed):
    """The rows with these names, or those of that mode (a later mode runs the earlier one's too). Of check's searches and
    mutations, the seed chooses some; of long, it is the share K/N."""
    if names:
        return [row for row in ALL if row.name in names]
    rows = [row for row in ALL if MODES.index(row.mode) <= MODES.index(mode)]
    if mode == "check":
        dice, left_out = random.Random(seed), []
        for kind, number in (Search, SEARCHES_IN_CHECK), (Mutation, MUTATIONS_IN_CHECK):
            theirs = [row for row in rows if isinstance(row, kind) and row.mode == "check"]
            left_out += dice.sample(theirs, len(theirs) - number)
        return [row for row in rows if row not in left_out]
    which, parts = map(int, part.split("/")) if mode == "long" else (1, 1)
    return rows[which - 1::parts]
