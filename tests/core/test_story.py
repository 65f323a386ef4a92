"""The story of a job: legal ones add up, illegal moves raise, and what was written is read back."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmbot.core.model import Ending, Failure, job_id
from swarmbot.core.story import (
    MOVES,
    AgentFinished,
    AgentStarted,
    AgentUsed,
    AttemptBegun,
    Committed,
    Ended,
    Entry,
    Event,
    IllegalMove,
    Job,
    Prepared,
    PromptAnswered,
    PullOpened,
    Pushed,
    Queued,
    Said,
    State,
    apply,
    fold,
)
from swarmbot.core.usage import Tokens
from tests.samples import SPEC

QUEUED = Queued(SPEC)
BEGUN = AttemptBegun(1, "host:1")
PREPARED = Prepared("a" * 40, SPEC.branch)
STARTED = AgentStarted("/bin/sh", "/r.cast")
ANSWERED = PromptAnswered("trust", ("enter",))
USED = AgentUsed(Tokens(1200, 1000, 34, 0.25))
FINISHED = AgentFinished("All good.")
COMMITTED = Committed("c" * 40, ("a.py", "b.py"), 3, 1)
PUSHED = Pushed("c" * 40)
PULL = PullOpened(7, "https://example.org/7")
STATUS, CHECK = Said("status", 1), Said("check", 2, "https://example.org/2")
REPLY, LAST = Said("reply", 3), Said("last_edit", 1)
DONE = Ended(Ending.DONE)
FAILED = Ended(Ending.FAILED, Failure("crash", "It fell.", "Write again.", ("last", "lines")))

EVENTS: tuple[Event, ...] = (
    QUEUED, BEGUN, PREPARED, STARTED, ANSWERED, USED, FINISHED, COMMITTED, PUSHED, PULL, STATUS, CHECK, REPLY, LAST,
    DONE, FAILED,
)  # fmt: skip
WORK = (QUEUED, BEGUN, STATUS, PREPARED, STARTED, ANSWERED, ANSWERED, USED, FINISHED, COMMITTED, PUSHED, PULL)
WHOLE = (*WORK, DONE, CHECK, REPLY, LAST)


def told(*events: Event) -> Job:
    return fold([Entry(100.0 + index, event) for index, event in enumerate(events)])


def test_a_whole_story_adds_up() -> None:
    job = told(*WHOLE)
    assert (job.state, job.ending, job.failure) == (State.ENDED, Ending.DONE, None)
    assert (job.length, job.attempt, job.base, job.summary) == (16, 1, "a" * 40, "All good.")
    assert (job.commit, job.pushed, job.pull) == (COMMITTED, "c" * 40, PULL)
    assert job.answered == (ANSWERED, ANSWERED)
    assert (job.started_at, job.ended_at, job.at) == (101.0, 112.0, 115.0)
    assert job.moments == {"queued": 100.0, "preparing": 101.0, "running": 104.0, "publishing": 108.0, "ended": 112.0}
    assert job.settled


@pytest.mark.parametrize("missing", [REPLY, LAST])
def test_a_job_is_not_settled_before_everybody_was_told(missing: Said) -> None:
    assert not told(*(event for event in WHOLE if event != missing)).settled


@pytest.mark.parametrize(
    "events",
    [
        (QUEUED, Ended(Ending.CANCELLED)),
        (QUEUED, BEGUN, FAILED),
        (QUEUED, BEGUN, PREPARED, STARTED, FAILED),
        (QUEUED, BEGUN, PREPARED, STARTED, FINISHED, Ended(Ending.NO_CHANGE)),
        (QUEUED, BEGUN, PREPARED, STARTED, Ended(Ending.TIMED_OUT)),
        (QUEUED, BEGUN, BEGUN, BEGUN),
        (QUEUED, BEGUN, PREPARED, STARTED, BEGUN, PREPARED, STARTED, FINISHED),
        (*WORK, BEGUN, DONE),
        (*WORK[:-2], BEGUN, PUSHED, PULL, DONE),
    ],
)
def test_other_stories_that_happen(events: tuple[Event, ...]) -> None:
    assert told(*events).length == len(events)


@pytest.mark.parametrize(
    "events",
    [
        (),
        (BEGUN,),
        (DONE,),
        (QUEUED, QUEUED),
        (QUEUED, PREPARED),
        (QUEUED, STARTED),
        (QUEUED, FINISHED),
        (QUEUED, COMMITTED),
        (QUEUED, PUSHED),
        (QUEUED, PULL),
        (QUEUED, BEGUN, ANSWERED),
        (QUEUED, BEGUN, PREPARED, STARTED, PREPARED),
        (QUEUED, BEGUN, PREPARED, STARTED, STARTED),
        (QUEUED, BEGUN, PREPARED, STARTED, COMMITTED),
        (QUEUED, BEGUN, PREPARED, STARTED, PUSHED),
        (QUEUED, BEGUN, PREPARED, STARTED, PULL),
        (QUEUED, BEGUN, PREPARED, STARTED, FINISHED, STARTED),
        (QUEUED, BEGUN, PREPARED, STARTED, FINISHED, ANSWERED),
        (QUEUED, BEGUN, PREPARED, STARTED, FINISHED, FINISHED),
        (QUEUED, DONE, DONE),
        (QUEUED, DONE, FAILED),
        (QUEUED, DONE, BEGUN),
        (QUEUED, DONE, PUSHED),
        (QUEUED, DONE, QUEUED),
    ],
)
def test_what_cannot_happen_raises(events: tuple[Event, ...]) -> None:
    with pytest.raises(IllegalMove):
        told(*events)


def test_a_new_checkout_forgets_what_the_agent_did_before() -> None:
    job = told(QUEUED, BEGUN, PREPARED, STARTED, ANSWERED, FINISHED, COMMITTED, AttemptBegun(2, "host:2"), PREPARED)
    assert (job.attempt, job.answered, job.summary, job.commit) == (2, (), "", None)
    assert not job.agent_finished


def test_a_new_attempt_keeps_what_was_pushed_and_when_it_all_began() -> None:
    job = told(*WORK, AttemptBegun(2, "host:2"))
    assert (job.pushed, job.pull, job.commit, job.started_at) == ("c" * 40, PULL, COMMITTED, 101.0)


def test_a_refused_event_leaves_the_job_as_it_was() -> None:
    job = told(QUEUED)
    with pytest.raises(IllegalMove):
        apply(job, Entry(200.0, PULL))
    assert job == told(QUEUED)


def test_the_end_is_the_end() -> None:
    assert MOVES[State.ENDED] == frozenset()
    assert MOVES.keys() == set(State)


@given(st.lists(st.sampled_from(EVENTS), max_size=25))
def test_any_order_of_events_adds_up_or_is_refused(events: list[Event]) -> None:
    try:
        job = told(QUEUED, *events)
    except IllegalMove:
        return
    assert job.length == len(events) + 1
    assert sum(isinstance(event, Ended) for event in events) == (job.state is State.ENDED)
    assert (job.ending is None) == (job.state is not State.ENDED)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_is_read_back_as_it_was_written(event: Event) -> None:
    entry = Entry(1_700_000_000.25, event)
    assert msgspec.json.decode(msgspec.json.encode(entry), type=Entry) == entry


def test_every_kind_of_event_is_tried_here() -> None:
    assert {type(event) for event in EVENTS} == set(Event.__args__)


def test_a_story_by_an_older_or_newer_bot_is_read() -> None:
    written = msgspec.json.decode(msgspec.json.encode(Entry(1.0, PULL)))
    del written["v"]
    written["event"]["mergeable"] = True
    assert msgspec.json.decode(msgspec.json.encode(written), type=Entry) == Entry(1.0, PULL)


def test_ids_are_short_safe_in_paths_and_their_own() -> None:
    ids = {job_id(f"comment:{number}", index) for number in range(500) for index in range(2)}
    assert len(ids) == 1000
    assert all(len(made) == 10 and made.isalnum() and made == made.lower() for made in ids)
    # Stories in Redis and branches on GitHub hold them: they must never change.
    assert job_id("comment:7:501:ab") == "eqecsrpcup"
