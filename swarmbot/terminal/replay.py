"""Feeds a recording to a session by the recording's own clock, and tells what the session saw."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from swarmbot.core.agent_spec import AgentSpec, Mode
from swarmbot.core.session import Session
from swarmbot.core.session_model import UNLIMITED, Action, Event, Report
from swarmbot.terminal.pump import FRAME_S
from swarmbot.terminal.recording import CastEvent, Header, read_exit_mark
from swarmbot.terminal.screen import VirtualScreen

REPLY = re.compile(r"\x1b\[[?>]?[\d;]*[cRutn]|\x1b\[\?[\d;$]*y|\x1b[\]P][^\x07\x1b]*(?:\x07|\x1b\\)")
"""What terminals answer by themselves; the rest of an input is what somebody typed."""


class Seen(msgspec.Struct, frozen=True):
    """One event of the session, ``t`` seconds after the recording's start."""

    t: float
    event: Event


def replay(header: Header, events: Iterable[CastEvent], spec: AgentSpec, mode: Mode = "interactive") -> Iterator[Seen]:
    """Yield what a session of the agent ``spec`` sees in a recording, in time order.

    The session presses no key that has an effect: who recorded it did, so it follows what was typed, and no clock of
    people ends it. Raises what reading ``events`` raises.
    """
    player = Player(header, spec, mode)
    for event in events:
        yield from player.until(event.t)
        yield from player.take(event)
    yield from player.end()


class Player:
    """Plays a recording to a session, event by event."""

    def __init__(self, header: Header, spec: AgentSpec, mode: Mode) -> None:
        self._session = Session(spec, None, UNLIMITED, mode=mode, autonomy="full", stays=True)
        self._screen = VirtualScreen(header.width, header.height, lambda _: None)
        self._at = self._frame_since = 0.0
        self._half_seen = False
        self._exit: tuple[int | None, int | None] = 0, None

    def until(self, at: float) -> Iterator[Seen]:
        """Let the clock run to ``at``."""
        while (due := self._session.wake_at) is not None and due < at:
            self._at = due
            yield from self._seen(self._session.on_tick(due))
        self._at = at
        if self._screen.drawing and not self._half_seen and at > self._frame_since + FRAME_S:
            self._half_seen = True
            yield from self._look()

    def take(self, event: CastEvent) -> Iterator[Seen]:
        """Take one event of the recording, whose moment has come."""
        if event.kind == "i":
            typed = REPLY.sub("", event.data)
            if typed:
                self._session.typed(event.t, entered="\r" in typed)
        elif event.kind == "r":
            cols, _, rows = event.data.partition("x")
            self._screen.resize(int(cols), int(rows))
        elif event.kind == "m":
            self._exit = read_exit_mark(event.data) or self._exit
        elif event.kind == "o":
            yield from self.output(event.data.encode())

    def output(self, data: bytes) -> Iterator[Seen]:
        """Take bytes of the program, which may be cut anywhere."""
        was_drawing = self._screen.drawing
        self._screen.feed(data)
        if not self._screen.drawing:
            yield from self._look()
        elif not was_drawing:
            self._frame_since, self._half_seen = self._at, False

    def end(self) -> Iterator[Seen]:
        """Take the end of the recording."""
        yield from self._seen(self._session.on_exit(*self._exit, self._screen.snapshot(), self._at))

    def _look(self) -> Iterator[Seen]:
        return self._seen(self._session.on_screen(self._screen.snapshot(), self._at))

    def _seen(self, actions: list[Action]) -> Iterator[Seen]:
        return (Seen(round(self._at, 3), action.event) for action in actions if isinstance(action, Report))
