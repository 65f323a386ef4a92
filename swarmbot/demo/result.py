"""What one demo showed: the object that ``swarmbot demo --json`` prints."""

from __future__ import annotations

import msgspec

CALLS_AT_MOST = 10


class Tests(msgspec.Struct, frozen=True):
    """Whether the repository's tests passed, on the base and on the pull request's head."""

    before: bool
    after: bool


class Pulled(msgspec.Struct, frozen=True):
    """The pull request."""

    number: int
    title: str
    body: str
    head: str
    base: str
    sha: str
    diff: str
    tests: Tests


class Said(msgspec.Struct, frozen=True):
    """A comment on the issue."""

    by: str
    body: str


class Seconds(msgspec.Struct, frozen=True):
    """How long each part took."""

    ack: float
    queue: float
    prepare: float
    agent: float
    publish: float
    total: float
    """From the request to the last word."""


class Calls(msgspec.Struct, frozen=True):
    """Calls to GitHub's API: those that every job makes, tokens, and edits of the status beyond the last one."""

    fixed: int
    token: int
    edits: int


class Result(msgspec.Struct, frozen=True):
    """All of it. ``ok`` only if everything that the scenario shows held; ``failed`` names what did not."""

    ok: bool
    agent: str
    pull_request: Pulled | None
    check: dict[str, str | None]
    comments: tuple[Said, ...]
    answered: tuple[str, ...]
    seconds: Seconds
    api_calls: Calls
    failed: tuple[str, ...]
