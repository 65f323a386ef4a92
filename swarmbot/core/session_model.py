"""The words of a session: its states and clocks, what it tells, what it wants done, and how it ends. Pure."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Literal

import msgspec

from swarmbot.core.agent_spec import FailureKind

ENTER_AGAIN_S = 3.0
"""An Enter that had no effect is pressed again after so long: agents drop keys that come while they draw."""
ENTERS = 3
QUIET_WITHOUT_SIGNAL_S = 8.0
"""How long an agent that tells when it is done must be ready and not busy to count as done without that word."""
BLINK_S = 0.03
"""A reading that comes back so soon was never gone: programs clear rows before they draw them again."""
STARTING_S = 1.5
"""How long a screen must hold that may be a program which still begins."""
PASTE_MODE_S = 2.0
"""How long a program that is ready may take to switch bracketed paste on; before that some lose what is pasted."""
STALL_S = 60.0
"""How long a screen may stand that says nothing which the agent's file knows, before people are asked."""


class State(StrEnum):
    """Where a session is. The last two are ends."""

    STARTING = "starting"
    PROMPT = "prompt"
    READY = "ready"
    SUBMITTING = "submitting"
    BUSY = "busy"
    WAITING = "waiting"
    DONE = "done"
    LEFT = "left"
    FAILED = "failed"


class Limits(msgspec.Struct, frozen=True):
    """Clocks that are held from outside the agent, in seconds."""

    silence_s: float = 600.0
    """The longest time without any output."""
    total_s: float = 3600.0
    """The longest time for the whole session, not counting the time that it waits for people."""
    waiting_s: float = 0.0
    """How long an answer of people is waited for; 0: nobody can answer, so a question is an end."""
    answer_holds_s: float = 10.0
    """A prompt that still stands so long after its answer goes to people."""
    moves_hold_s: float = 2.0
    """The same for a selection that does not follow the arrows."""


UNLIMITED = Limits(math.inf, math.inf, math.inf, math.inf, math.inf)
"""For recordings: whatever its people took their time for is no fault of the session."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened, to be told to people: a line of ``swarmbot replay``, an event of the job's story."""

    event: Literal["prompt", "ready", "busy", "question", "done", "exit"]
    rule: str = ""
    keys: tuple[str, ...] = ()
    detail: str = ""
    options: tuple[str, ...] = ()
    """What a question offers, in the order of the screen."""


class Press(msgspec.Struct, frozen=True, tag=True):
    """Press keys, by name."""

    keys: tuple[str, ...]


class Paste(msgspec.Struct, frozen=True, tag=True):
    """Put a text into the composer in one piece."""

    text: str


class Report(msgspec.Struct, frozen=True, tag=True):
    """Tell people."""

    event: Event


class End(msgspec.Struct, frozen=True, tag=True):
    """End the program and all that it started, now."""


Action = Press | Paste | Report | End

OutcomeKind = (
    Literal["done", "asked", "silent", "timed_out", "not_submitted", "left_early", "exit_code", "killed"] | FailureKind
)


class Outcome(msgspec.Struct, frozen=True):
    """How a session ended. ``kind`` names the class of the ending; ``cause`` is one sentence for people."""

    kind: OutcomeKind
    cause: str = ""
    rows: tuple[str, ...] = ()
    """The last screen; not redacted."""
    summary: str = ""
    """What the agent said last; not redacted."""
    session: str = ""
    """The program's own name of its session, where it told it."""
