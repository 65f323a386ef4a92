"""The nouns that all rooms share: who asked for what, where; what a job is told to do; how it may end."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from enum import StrEnum

import msgspec


class User(msgspec.Struct, frozen=True):
    """An account on GitHub."""

    id: int
    login: str
    type: str = "User"
    """``User``, ``Bot`` or ``Organization``."""

    @property
    def noreply(self) -> str:
        """The address that credits the account for a commit without showing its own (docs.github.com, "noreply")."""
        return f"{self.id}+{self.login}@users.noreply.github.com"


class Repository(msgspec.Struct, frozen=True):
    """A repository and the installation through which the bot reaches it."""

    id: int
    full_name: str
    default_branch: str
    installation_id: int

    @property
    def owner(self) -> str:
        """The account's name."""
        return self.full_name.partition("/")[0]

    @property
    def name(self) -> str:
        """The name without the account's."""
        return self.full_name.partition("/")[2]


class Thread(msgspec.Struct, frozen=True):
    """An issue or a pull request, as it was when the event was sent."""

    number: int
    title: str
    body: str
    is_pull: bool
    url: str = ""


class Request(msgspec.Struct, frozen=True):
    """What somebody asked for, read from one event; the only thing that a command sees of a delivery."""

    key: str
    """Natural key: the same request under another delivery id has the same key (ids of deliveries are not signed)."""
    delivery: str
    repository: Repository
    thread: Thread
    sender: User
    text: str
    """The words to look for commands in; for a label the command that it stands for."""
    comment_id: int | None = None
    label: str | None = None


class JobSpec(msgspec.Struct, frozen=True):
    """All that a worker must know to do a job; written once, with the job's first event."""

    id: str
    repository: Repository
    thread: Thread
    requester: User
    agent: str
    words: str
    """What the requester wrote behind the command."""
    request_key: str
    delivery: str
    created_at: float
    """Unix seconds."""
    comment_id: int | None = None
    model: str = ""
    """The model that the requester named; empty: the agent's own."""

    @property
    def branch(self) -> str:
        """The branch that the job pushes."""
        return f"swarmbot/{self.thread.number}-{self.id}"


class Ending(StrEnum):
    """The ways in which a job can end; exactly one of them, once."""

    DONE = "done"
    NO_CHANGE = "no_change"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


class Failure(msgspec.Struct, frozen=True):
    """Why a job failed, for people: the class, one cause, what to do, and the last lines that the agent showed."""

    kind: str
    cause: str
    do: str = ""
    lines: tuple[str, ...] = ()


def job_id(request_key: str, index: int = 0) -> str:
    """Return the id of the ``index``-th job that a request starts: the same request always gives the same ids.

    Ten characters of base 32 (50 bits), so that an id is short in a branch's name and safe in a path.
    """
    digest = hashlib.sha256(f"{request_key}#{index}".encode()).digest()
    return b32encode(digest)[:10].decode().lower()
