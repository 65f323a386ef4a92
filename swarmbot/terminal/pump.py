"""Joins a program's terminal with the machine that drives it: output to a screen, screens to the machine, keys back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from swarmbot.core.screen import Screen, encode_keys, encode_paste
from swarmbot.core.session_model import Action, End, Event, Paste, Press, Report
from swarmbot.terminal.pty import ExitStatus, ProgramNotReading, Pty
from swarmbot.terminal.recording import FLUSH_S, Recorder, exit_mark
from swarmbot.terminal.screen import VirtualScreen

_log = structlog.get_logger()

LOOKS_PER_S = 60.0
"""How often the machine is shown the screen while output floods."""

LOOKS_BURST = 8.0
"""How many looks may come faster than that, so that a prompt drawn in some pieces is seen the moment it is complete."""

FRAME_S = 1.0
"""A synchronized update that takes longer is looked at unfinished, as terminals do: its program may have died in it."""

DRAIN_S = 0.5
"""How long the output of processes that outlive the program is still read before they are ended."""

LAST_READ_S = 5.0
"""How long the end of the output is waited for after that. It comes at once, unless a process cannot be killed."""


class SessionMachine(Protocol):
    """What decides. It reads no clock and does nothing by itself; moments are seconds of the pump's clock."""

    @property
    def wake_at(self) -> float | None:
        """When ``on_tick`` wants to be called; None: never."""

    def on_screen(self, screen: Screen, at: float) -> list[Action]:
        """Take what is on the screen now."""

    def on_tick(self, at: float) -> list[Action]:
        """Take the moment that ``wake_at`` named."""

    def on_exit(self, code: int | None, signal: int | None, screen: Screen, at: float) -> list[Action]:
        """Take the end of the program; nothing follows."""


class LookBudget:
    """Says when the machine may be shown the screen: a token bucket."""

    def __init__(self, at: float) -> None:
        self._tokens, self._at = LOOKS_BURST, at

    def take(self, at: float) -> float:
        """Return 0.0 if a look is allowed now, which it then uses up; else the seconds to wait."""
        self._tokens = min(LOOKS_BURST, self._tokens + (at - self._at) * LOOKS_PER_S)
        self._at = at
        if self._tokens < 1:
            return (1 - self._tokens) / LOOKS_PER_S
        self._tokens -= 1
        return 0.0

    def refill(self) -> None:
        """Allow a burst again: something was typed, and its echo should be seen at once."""
        self._tokens = LOOKS_BURST


class TerminalSession:
    """One program in its terminal, driven by a machine until the program ends. Use once: ``await session.run()``.

    ``on_report`` is called with the event of every :class:`Report`, from the event loop, and must not block. ``clock``
    gives seconds that only grow. An error in the machine or in ``on_report`` ends the program and comes out of ``run``.
    The recorder is flushed but not closed.
    """

    def __init__(
        self,
        pty: Pty,
        machine: SessionMachine,
        recorder: Recorder,
        on_report: Callable[[Event], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pty, self._machine, self._recorder = pty, machine, recorder
        self._on_report, self._clock = on_report, clock
        self._loop = asyncio.get_running_loop()
        self._screen = VirtualScreen(pty.cols, pty.rows, self._reply)
        self._budget = LookBudget(clock())
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._eof = asyncio.Event()
        self._broken: asyncio.Future[ExitStatus] = self._loop.create_future()
        self._ending: asyncio.Task[tuple[int, ...]] | None = None
        self._exited = False

    async def run(self) -> ExitStatus:
        """Drive the program until it has exited and its output is read to the end; nothing it started is left then.

        Returns how it ended. Raises :class:`ProgramNotReading`, and whatever the machine or ``on_report`` raised.
        """
        try:
            self._loop.add_reader(self._pty.fd, self._guarded, self._read)
            self._wake_when_due()
            status = await self._until_exit()
            self._exited = True
            await self._read_to_end()
            if self._broken.done():
                self._broken.result()
            self._recorder.mark(exit_mark(status.code, status.signal))
            screen, at = self._screen.snapshot(), self._clock()
            self._perform(self._machine.on_exit(status.code, status.signal, screen, at))
            return status
        finally:
            await self._stop()

    def act(self, step: Callable[[float], list[Action]]) -> None:
        """Let the machine do something that no screen asked for: ``step`` is called with the moment.

        For what the program's hooks and people tell. After the program's end nothing happens.
        """

        def guarded() -> None:
            if not self._exited:
                self._perform(step(self._clock()))
                self._wake_when_due()

        self._guarded(guarded)

    def screen(self) -> Screen:
        """Return what is on the screen now."""
        return self._screen.snapshot()

    def resize(self, cols: int, rows: int) -> None:
        """Change the size in cells of the program's terminal, the screen and the recording."""
        self._pty.resize(cols, rows)
        self._screen.resize(cols, rows)
        self._recorder.resize(cols, rows)

    async def _until_exit(self) -> ExitStatus:
        exited: asyncio.Future[ExitStatus] = asyncio.ensure_future(self._pty.wait())
        try:
            await asyncio.wait({exited, self._broken}, return_when=asyncio.FIRST_COMPLETED)
            return self._broken.result() if self._broken.done() else exited.result()
        finally:
            exited.cancel()

    async def _read_to_end(self) -> None:
        """Read what the program wrote before its exit; it is still on its way through the kernel then.

        A daemon that holds the terminal open would keep the end away, so it is ended after ``DRAIN_S``.
        """
        await self._wait_for_eof(DRAIN_S)
        await self._pty.end(grace=0)
        await self._wait_for_eof(LAST_READ_S)

    async def _wait_for_eof(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._eof.wait()

    async def _stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._loop.remove_reader(self._pty.fd)
        self._broken.cancel()
        await self._pty.end(grace=0)
        if self._ending:
            await self._ending
        self._pty.close()
        self._recorder.flush()

    def _guarded(self, step: Callable[[], None]) -> None:
        """Run a callback of the loop; an error in it ends the session instead of vanishing in the loop's log."""
        try:
            step()
        except Exception as error:
            self._loop.remove_reader(self._pty.fd)
            self._eof.set()
            if not self._broken.done():
                self._broken.set_exception(error)

    def _at(self, name: str, seconds: float, step: Callable[[], None]) -> None:
        """Run ``step`` in so many seconds, unless it is to run already."""
        if name not in self._timers:

            def fire() -> None:
                del self._timers[name]
                self._guarded(step)

            self._timers[name] = self._loop.call_later(seconds, fire)

    def _read(self) -> None:
        chunk = self._pty.read()
        if chunk.data:
            self._recorder.output(chunk.data)
            self._screen.feed(chunk.data)
            self._at("flush", FLUSH_S, self._recorder.flush)
        if chunk.ended:
            self._loop.remove_reader(self._pty.fd)
            self._eof.set()
        if self._screen.drawing:
            self._at("frame", FRAME_S, self._look_now)
            return
        if timer := self._timers.pop("frame", None):
            timer.cancel()
        if chunk.drained:
            self._look()
        else:
            self._at("look", 1 / LOOKS_PER_S, self._look)

    def _look(self) -> None:
        """Show the machine the screen, as soon as the budget allows, but not in the middle of a frame."""
        if not self._screen.drawing:
            self._look_now()

    def _look_now(self) -> None:
        if self._exited:
            return
        at = self._clock()
        wait = self._budget.take(at)
        if wait > 0:
            self._at("look", wait, self._look)
            return
        if timer := self._timers.pop("look", None):
            timer.cancel()
        self._perform(self._machine.on_screen(self._screen.snapshot(), at))
        self._wake_when_due()

    def _tick(self) -> None:
        at, due = self._clock(), self._machine.wake_at
        if due is not None and at >= due:
            self._perform(self._machine.on_tick(at))
        self._wake_when_due()

    def _wake_when_due(self) -> None:
        if timer := self._timers.pop("wake", None):
            timer.cancel()
        due = self._machine.wake_at
        if due is not None and not self._exited:
            # At least a millisecond: a machine that asks for a moment that is over must not stop the loop.
            self._at("wake", max(0.001, due - self._clock()), self._tick)

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Press(keys):
                    screen = self._screen.snapshot()
                    self._type(encode_keys(keys, application_cursor=screen.application_cursor))
                case Paste(text):
                    screen = self._screen.snapshot()
                    self._type(encode_paste(text, bracketed=screen.bracketed_paste))
                case Report(event):
                    self._on_report(event)
                case End():
                    self._ending = self._ending or self._loop.create_task(self._pty.end(grace=0))

    def _type(self, data: bytes) -> None:
        if self._exited:
            return
        self._pty.write(data)
        self._recorder.input(data)
        self._budget.refill()

    def _reply(self, data: bytes) -> None:
        try:
            self._pty.write(data)
        except ProgramNotReading:
            # The program asks without end and reads nothing: its own loss, while a lost key would be ours.
            _log.warning("terminal_reply_dropped", pid=self._pty.pid)
            return
        self._recorder.reply(data)
