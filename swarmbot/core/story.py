"""The story of a job: its events, and the job that they add up to. Pure.

A job *is* the fold of its events. They are appended to a stream and never changed; who wants to know where a job
stands folds them. One table holds which state may follow which, and a move that is not in it raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

import msgspec

from swarmbot.core.agent_spec import Autonomy, Mode
from swarmbot.core.model import Ending, Failure, JobSpec
from swarmbot.core.usage import Tokens

VERSION = 1


class State(StrEnum):
    """Where a job is before it has ended."""

    QUEUED = "queued"
    PREPARING = "preparing"
    RUNNING = "running"
    PUBLISHING = "publishing"
    ENDED = "ended"


MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.PREPARING, State.ENDED}),
    State.PREPARING: frozenset({State.PREPARING, State.RUNNING, State.PUBLISHING, State.ENDED}),
    State.RUNNING: frozenset({State.PREPARING, State.PUBLISHING, State.ENDED}),
    State.PUBLISHING: frozenset({State.PREPARING, State.ENDED}),
    State.ENDED: frozenset(),
}
"""Each state goes back to ``preparing`` when a worker died and another one begins the next attempt."""


class IllegalMove(ValueError):
    """An event does not follow from the state that the job is in."""


class Queued(msgspec.Struct, frozen=True, tag=True):
    """The job was accepted; the first event of every story."""

    spec: JobSpec


class AttemptBegun(msgspec.Struct, frozen=True, tag=True):
    """A worker took the job up."""

    number: int
    worker: str


class Prepared(msgspec.Struct, frozen=True, tag=True):
    """The checkout is ready."""

    base: str
    branch: str
    mode: Mode = "interactive"
    autonomy: Autonomy = "edits"


class AgentStarted(msgspec.Struct, frozen=True, tag=True):
    """The agent's program runs."""

    argv0: str
    recording: str
    version: str = ""
    """The release of the program, as it says itself."""


class PromptAnswered(msgspec.Struct, frozen=True, tag=True):
    """A rule answered a prompt of the agent."""

    rule: str
    keys: tuple[str, ...]


class AgentUsed(msgspec.Struct, frozen=True, tag=True):
    """What the agent's run used, whether it came to an end or not."""

    tokens: Tokens


class AgentFinished(msgspec.Struct, frozen=True, tag=True):
    """The agent said that it is done, and left."""

    summary: str = ""
    session: str = ""
    """The program's own name of its session, by which it could go on."""


class Committed(msgspec.Struct, frozen=True, tag=True):
    """The bot made a commit of the result."""

    sha: str
    files: tuple[str, ...]
    added: int
    deleted: int


class Pushed(msgspec.Struct, frozen=True, tag=True):
    """The commit is on the branch."""

    sha: str


class PullOpened(msgspec.Struct, frozen=True, tag=True):
    """The pull request is open, and its head was read back as the pushed commit."""

    number: int
    url: str


class Said(msgspec.Struct, frozen=True, tag=True):
    """Something was written on GitHub; ``id`` finds it again."""

    what: Literal["status", "check", "reply", "last_edit"]
    id: int
    url: str = ""


class Ended(msgspec.Struct, frozen=True, tag=True):
    """The job's one end."""

    ending: Ending
    failure: Failure | None = None


Event = (
    Queued
    | AttemptBegun
    | Prepared
    | AgentStarted
    | PromptAnswered
    | AgentUsed
    | AgentFinished
    | Committed
    | Pushed
    | PullOpened
    | Said
    | Ended
)


class Entry(msgspec.Struct, frozen=True):
    """An event and when it happened (unix seconds)."""

    at: float
    event: Event
    v: int = VERSION


class Job(msgspec.Struct, frozen=True):
    """A job as its events tell it."""

    spec: JobSpec
    length: int = 1
    """How many events it has."""
    state: State = State.QUEUED
    at: float = 0.0
    """When the last event happened."""
    started_at: float | None = None
    ended_at: float | None = None
    attempt: int = 0
    base: str = ""
    mode: Mode = "interactive"
    autonomy: Autonomy = "edits"
    recording: str = ""
    version: str = ""
    used: Tokens = Tokens()
    """By all attempts together."""
    answered: tuple[PromptAnswered, ...] = ()
    agent_finished: bool = False
    summary: str = ""
    commit: Committed | None = None
    pushed: str = ""
    pull: PullOpened | None = None
    said: dict[str, Said] = {}
    ending: Ending | None = None
    failure: Failure | None = None
    moments: dict[str, float] = {}
    """When each state was entered last."""

    @property
    def settled(self) -> bool:
        """Whether it has ended and everybody who should know was told."""
        return self.state is State.ENDED and self.said.keys() >= {"reply", "last_edit"}


def fold(entries: Iterable[Entry]) -> Job:
    """Add up a job's events. Raises :class:`IllegalMove`, also where the first event is not :class:`Queued`."""
    job: Job | None = None
    for entry in entries:
        if job is None:
            if not isinstance(entry.event, Queued):
                raise IllegalMove(f"a story begins with Queued, not {type(entry.event).__name__}")
            job = Job(entry.event.spec, at=entry.at, moments={State.QUEUED.value: entry.at})
        else:
            job = apply(job, entry)
    if job is None:
        raise IllegalMove("there are no events")
    return job


def apply(job: Job, entry: Entry) -> Job:
    """Return the job after one more event. Raises :class:`IllegalMove`."""
    job = msgspec.structs.replace(job, at=entry.at, length=job.length + 1)
    match entry.event:
        case Queued():
            raise IllegalMove("a job is queued once")
        case AttemptBegun(number):
            moved = _move(job, State.PREPARING, entry.at)
            return msgspec.structs.replace(moved, attempt=number, started_at=job.started_at or entry.at)
        case Prepared(base, _, mode, autonomy):
            # A new checkout holds nothing of what an earlier attempt's agent did.
            fresh = msgspec.structs.replace(_stay(job, State.PREPARING), base=base, agent_finished=False, commit=None)
            return msgspec.structs.replace(fresh, answered=(), summary="", mode=mode, autonomy=autonomy)
        case AgentStarted(_, recording, version):
            moved = _move(job, State.RUNNING, entry.at)
            return msgspec.structs.replace(moved, recording=recording, version=version)
        case PromptAnswered() | AgentUsed() | AgentFinished():
            return _apply_run(job, entry)
        case _:
            return _apply_published(job, entry)


def _apply_run(job: Job, entry: Entry) -> Job:
    replace = msgspec.structs.replace
    match entry.event:
        case PromptAnswered() as answer:
            return replace(_stay(job, State.RUNNING), answered=(*job.answered, answer))
        case AgentUsed(tokens):
            return replace(_stay(job, State.RUNNING), used=job.used + tokens)
        case AgentFinished(summary):
            return replace(_move(job, State.PUBLISHING, entry.at), agent_finished=True, summary=summary)
        case other:
            raise IllegalMove(f"unknown event {type(other).__name__}")


def _apply_published(job: Job, entry: Entry) -> Job:
    replace = msgspec.structs.replace
    match entry.event:
        case Committed() as commit:
            return replace(_stay(job, State.PUBLISHING, State.PREPARING), commit=commit)
        case Pushed(sha):
            return replace(_stay(job, State.PUBLISHING, State.PREPARING), pushed=sha)
        case PullOpened() as pull:
            return replace(_stay(job, State.PUBLISHING, State.PREPARING), pull=pull)
        case Said() as said:
            return replace(job, said={**job.said, said.what: said})
        case Ended(ending, failure):
            moved = _move(job, State.ENDED, entry.at)
            return replace(moved, ending=ending, failure=failure, ended_at=entry.at)
        case other:
            raise IllegalMove(f"unknown event {type(other).__name__}")


def _move(job: Job, state: State, at: float) -> Job:
    if state not in MOVES[job.state]:
        raise IllegalMove(f"a job that is {job.state} cannot become {state}")
    return msgspec.structs.replace(job, state=state, moments={**job.moments, state.value: at})


def _stay(job: Job, *states: State) -> Job:
    if job.state not in states:
        raise IllegalMove(f"that does not happen to a job that is {job.state}")
    return job
