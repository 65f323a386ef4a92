"""What commands know when they decide, and what they can want done. Pure data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from swarmbot.core.grammar import Invocation
from swarmbot.core.model import JobSpec, Request

WRITERS = frozenset({"admin", "maintain", "write"})
"""Permissions that may command the bot (docs.github.com, "repository roles")."""


class AgentFact(msgspec.Struct, frozen=True):
    """An agent as this server has it."""

    name: str
    title: str
    problem: str = ""
    """Why it cannot work now and what to do about it; empty when it can."""
    takes_model: bool = False
    """Whether a model can be named for it."""


class Facts(msgspec.Struct, frozen=True):
    """What was asked of the world before a command decides."""

    permission: str
    """The sender's permission on the repository, as the API says it; ``none`` when it could not be asked."""
    agents: tuple[AgentFact, ...]
    default_agent: str
    app_slug: str
    now: float

    @property
    def may_write(self) -> bool:
        """Whether the sender may command the bot."""
        return self.permission in WRITERS

    def agent(self, name: str) -> AgentFact | None:
        """Return the agent of that name."""
        return next((agent for agent in self.agents if agent.name == name), None)


class React(msgspec.Struct, frozen=True):
    """Put a reaction on the comment (on the issue, where no comment asked)."""

    content: Literal["eyes", "confused", "rocket", "+1"]


class Reply(msgspec.Struct, frozen=True):
    """Answer in the thread."""

    body: str


class StartJob(msgspec.Struct, frozen=True):
    """Begin a job; beginning the same one twice begins it once."""

    spec: JobSpec


class Refused(msgspec.Struct, frozen=True):
    """Nobody is told but the log."""

    reason: str


Effect = React | Reply | StartJob | Refused


class Command(msgspec.Struct, frozen=True):
    """One slash command: how it is written, what it does, and its decision."""

    name: str
    usage: str
    summary: str
    examples: tuple[str, ...]
    decide: Callable[[Invocation, Request, Facts, int], list[Effect]]
    """Takes the words, who and where, the facts, and the command's place in the comment (from 0)."""
