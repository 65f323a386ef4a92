"""One terminal session that its caller is in charge of: where it stands, what happened in it, and how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import structlog

from swarmbot.agents import drive, home
from swarmbot.agents.live_model import HasTask, NotAsked, SessionEvent, SessionInfo, SessionOver, Status
from swarmbot.agents.programs import credentials
from swarmbot.core.agent_launch import Wish
from swarmbot.core.agent_spec import AgentSpec
from swarmbot.core.answers import summary
from swarmbot.core.redact import redactor
from swarmbot.core.screen import KEYS
from swarmbot.core.session_model import Action, Event, Limits, Outcome, State
from swarmbot.core.usage import Tokens
from swarmbot.terminal.recording import Recorder
from swarmbot.workspace.disk import remove_folder

_log = structlog.get_logger()

MOST_EVENTS = 1000
"""How many events a session keeps for readers that come late."""

LONGEST_TIMER_S = 86_400.0
"""Timers that are set for longer look again after so long; not every loop takes an endless one."""

_MOVES = frozenset(("up", "down", "left", "right", "tab", "space", "backspace"))
"""Keys that answer no question by themselves."""


class LiveSession:
    """One program in its terminal, from start to end: :meth:`begin` starts it, everything else may be called meanwhile.

    All of it belongs to one event loop. Nothing is polled: each change wakes those who wait in :meth:`until`.
    """

    def __init__(
        self, name: str, spec: AgentSpec, wish: Wish, seat: drive.Seat, recording: Path, *,
        limits: Limits, idle_s: float, cols: int, rows: int, stays: bool,
    ) -> None:  # fmt: skip
        self.name, self.spec, self.seat, self.recording = name, spec, seat, recording
        self.task: asyncio.Task[None] | None = None
        self.error: Exception | None = None
        self.agent: drive.RunningAgent | None = None
        self._wish, self._limits, self._idle_s = wish, limits, idle_s
        self._cols, self._rows, self._stays = cols, rows, stays
        self._loop = asyncio.get_running_loop()
        self._began, self._active_at = time.time(), self._loop.time()
        self._pulse = asyncio.Event()
        self._events: list[SessionEvent] = []
        self._dropped = 0
        self._told: Status = "starting"
        self._end: Status | None = None
        self._outcome: Outcome | None = None
        self._reason = self._summary = ""
        self._question: Event | None = None
        self._was_ready = self._answering = False
        self._before = self.used = Tokens()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._ending: asyncio.Task[None] | None = None

    def begin(self) -> asyncio.Task[None]:
        """Start the session's task, which ends when nothing is left of the program."""

        def ended(_: asyncio.Task[None]) -> None:
            if not self.ended:
                self._finish()  # cancelled before it ran at all

        self.task = self._loop.create_task(self._run())
        self.task.add_done_callback(ended)
        return self.task

    async def _run(self) -> None:
        """Drive the program to its end. An error ends it and is kept in ``error``, not raised."""
        keys = [self.seat.operator[name] for name in credentials(self.spec, self.seat.operator)]
        try:
            await self._clear()
            self._before = await self._read_usage()
            with Recorder(
                self.recording, cols=self._cols, rows=self._rows, title=self.name, redact=redactor(keys)
            ) as recorder:
                await self._drive(recorder)
            self.used = await self._read_usage() - self._before
        except Exception as error:
            self.error = error
        finally:
            self._finish()
        if self._ending:
            await self._ending

    async def _clear(self) -> None:
        await asyncio.to_thread(self.seat.folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        if not self._wish.resume:
            for name in ("home", "tmp"):
                await remove_folder(self.seat.folder / name)

    async def _drive(self, recorder: Recorder) -> None:
        async with drive.start(
            self.spec, self._wish, self.seat, recorder, limits=self._limits, on_event=self._on_event,
            on_step=self._on_step, cols=self._cols, rows=self._rows, stays=self._stays,
        ) as agent:  # fmt: skip
            self.agent = agent
            self._watch_idle()
            self._wake()
            self._outcome = await agent.run()

    def _finish(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        done = self._outcome is not None and self.error is None and self._outcome.kind in self._good_ends()
        # Cancelled, which leaves neither outcome nor error: the caller's loop is going down.
        stopped = bool(self._reason) or (self._outcome is None and self.error is None)
        self._end = "stopped" if stopped else "completed" if done else "failed"
        if self._outcome:
            self._summary = self._outcome.summary or self._summary
        if self.error and self.agent:
            _log.error("session_broken", session=self.name, error=repr(self.error))
        self._tell_status()
        self._wake()

    def _good_ends(self) -> tuple[str, ...]:
        # Without a task it may leave whenever it is told to.
        return ("done",) if self.agent and self.agent.session.task else ("done", "left_early")

    @property
    def ended(self) -> bool:
        """Whether the program and all that it started are gone."""
        return self._end is not None

    @property
    def works_on_nothing(self) -> bool:
        """Whether it has ended, or is ready for a task and has none."""
        return self.ended or self.status == "ready"

    @property
    def status(self) -> Status:
        """Where the session is."""
        if self._end or self.agent is None:
            return self._end or "starting"
        session = self.agent.session
        match session.state:
            case State.WAITING if not self._answering:
                return "blocked"
            case State.READY if session.task is None:
                return "ready"
            case State.STARTING | State.PROMPT if self._takes_tasks and not self._was_ready:
                return "starting"
            case State.LEFT | State.FAILED:
                return self._told  # something of the program is left
        return "running"

    @property
    def _takes_tasks(self) -> bool:
        return self.spec.start(self._wish.mode).task == "paste"

    def info(self) -> SessionInfo:
        """Return everything about the session at this moment."""
        status = self.status
        asked = self._question if status == "blocked" else None
        return SessionInfo(
            id=self.name, agent=self.spec.name, tree=self.seat.tree, status=status, started_at=self._began,
            idle_s=self._loop.time() - self._active_at, folder=self.seat.folder, recording=self.recording,
            question=asked.detail if asked else "", options=asked.options if asked else (),
            outcome=self._outcome_kind(asked), cause=self._cause(), summary=self._summary,
            session_id=self.agent.session.session_id if self.agent else "", used=self.used,
        )  # fmt: skip

    def _outcome_kind(self, asked: Event | None) -> str:
        if asked:
            known = {failure.kind for failure in self.spec.failure}
            return asked.rule if asked.rule in known else ""
        return self._outcome.kind if self._outcome else ""

    def _cause(self) -> str:
        if self._reason or self.error:
            return self._reason or str(self.error)
        return self._outcome.cause if self._outcome else ""

    def screen(self) -> str:
        """Return what the terminal shows, or showed last."""
        return "\n".join(self.agent.screen().rows) if self.agent else ""

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until ``holds``, which is looked at after each change."""
        while not holds():
            await self._pulse.wait()

    async def events(self) -> AsyncIterator[SessionEvent]:
        """Yield what happened, from the beginning, and what happens, until the session has ended."""
        seen = 0
        while True:
            pulse = self._pulse
            seen = max(seen, self._dropped)
            while seen - self._dropped < len(self._events):
                seen += 1
                yield self._events[seen - 1 - self._dropped]
                seen = max(seen, self._dropped)
            if self.ended:
                return
            if pulse is self._pulse:
                await pulse.wait()

    async def count(self) -> None:
        """Read anew how many tokens were used; what cannot be read changes nothing."""
        if not self.ended:
            self.used = await self._read_usage() - self._before

    async def _read_usage(self) -> Tokens:
        return await asyncio.to_thread(home.used, self.spec, self.seat.home)

    async def send(self, text: str, *, enter: bool) -> None:
        """Give a task to an agent that has none; else, and if it is a slash command, type ``text`` (and Enter).

        Raises :class:`HasTask` and :class:`SessionOver`.
        """
        agent = self._agent()
        session, blocked = agent.session, self.status == "blocked"
        command = text.startswith("/") and "\n" not in text
        if enter and text.strip() and not command and self._takes_tasks and self.status in ("starting", "ready"):
            if session.task is not None:
                raise HasTask(f"The session {self.name} has a task already; wait until it is ready.")
            self._do(lambda at: session.give(text, at))
            return
        agent_reads = self._takes_tasks and enter and text
        if "\n" in text and (self._takes_tasks or agent.screen().bracketed_paste):
            agent.paste(text)
        elif text:
            agent.press(tuple(text.replace("\n", "\r")))
        if agent_reads:
            # Agents take an Enter that comes with a text for a part of it.
            await asyncio.sleep(self.spec.paste_wait_s)
        if enter:
            agent.press(("enter",), sends=not command)
        self._sent(answers=blocked)

    def keys(self, names: tuple[str, ...]) -> None:
        """Press keys. Raises :class:`ValueError` for a name that is none, and :class:`SessionOver`."""
        agent = self._agent()
        for name in names:
            if name not in KEYS and len(name) != 1:
                raise ValueError(f"{name!r} is no key; there are {', '.join(KEYS)}, and single characters.")
        blocked = self.status == "blocked"
        agent.press(names)
        self._sent(answers=blocked and not _MOVES.issuperset(names))

    def answer(self, option: int) -> None:
        """Take the option with that number, from 0. Raises :class:`NotAsked` and :class:`SessionOver`."""
        session = self._agent().session
        if self.status != "blocked":
            raise NotAsked(f"The session {self.name} asks nothing at the moment.")
        try:
            self._do(lambda at: session.choose(option, at))
        except ValueError as error:
            asked = self._question.options if self._question else ()
            known = ", ".join(f"{number}: {text}" for number, text in enumerate(asked)) or "none: type the answer"
            raise NotAsked(f"The session {self.name} has no option {option}. Options are {known}.") from error
        self._sent(answers=True)

    def resize(self, cols: int, rows: int) -> None:
        """Change the size of the terminal in cells. Raises :class:`SessionOver`."""
        self._agent().resize(cols, rows)

    def stop(self, reason: str, grace: float) -> None:
        """Begin to end the program; ``grace`` is what it gets to go by itself, in seconds. May be called again."""
        if self.ended or self._reason:
            return
        if self.agent is None:
            self._reason = reason
            if self.task:
                self.task.cancel()
        elif not self.agent.session.outcome:
            self._reason = reason
            self._ending = self._loop.create_task(self.agent.end(grace=grace))

    def _agent(self) -> drive.RunningAgent:
        if self.agent is None or self.ended:
            what = "has ended" if self.ended else "has not started yet"
            raise SessionOver(f"The session {self.name} {what}; spawn another one.")
        return self.agent

    def _do(self, step: Callable[[float], list[Action]]) -> None:
        """Let the session act; what it refuses comes out here and does not end the program."""
        refused: list[ValueError] = []

        def asked(at: float) -> list[Action]:
            try:
                return step(at)
            except ValueError as error:
                refused.append(error)
                return []

        self._agent().act(asked)
        if refused:
            raise refused[0]

    def _sent(self, *, answers: bool) -> None:
        self._active_at = self._loop.time()
        if answers:
            # The question stands until the program has drawn anew: who waits for the next one must not see this one.
            self._answering = True
            self._at("answering", self._limits.answer_holds_s, self._still_asked)
        self._soon()

    def _still_asked(self) -> None:
        self._answering = False
        self._soon()

    def _on_event(self, event: Event) -> None:
        if event.event in ("ready", "busy"):
            self._was_ready = True
        if event.event == "question":
            self._question, self._answering = event, False
        if event.event == "done" and self._told == "ready":
            return  # of its last task, which was told then
        if event.event == "done" and self.agent:
            said = self.agent.said
            self._summary = summary(self.agent.screen(), self.spec) if said is None else said
            self.agent.said = None if said is None else ""
        self._note(
            SessionEvent(event.event, self.status, time.time(), event.detail, event.options, event.rule, event.keys)
        )

    def _on_step(self, shown: bool) -> None:
        if shown:
            self._active_at = self._active_at if self._reason else self._loop.time()
            self._wake()
        if self.agent and self.agent.session.state is not State.WAITING:
            self._answering = False
        self._soon()

    def _soon(self) -> None:
        """Tell of a change of the status, after all that the step in hand does."""
        self._loop.call_soon(self._tell_status)

    def _tell_status(self) -> None:
        if self.status != self._told:
            self._told = self.status
            self._note(SessionEvent("status", self._told, time.time()))

    def _note(self, event: SessionEvent) -> None:
        self._events.append(event)
        if len(self._events) > MOST_EVENTS:
            del self._events[0]
            self._dropped += 1
        self._wake()

    def _wake(self) -> None:
        self._pulse.set()
        self._pulse = asyncio.Event()

    def _watch_idle(self) -> None:
        left = self._active_at + self._idle_s - self._loop.time()
        if left <= 0:
            self.stop(f"There was no output and no input for {self._idle_s:g} s.", grace=2.0)
        else:
            self._at("idle", left, self._watch_idle)

    def _at(self, name: str, seconds: float, step: Callable[[], None]) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()
        self._timers[name] = self._loop.call_later(min(seconds, LONGEST_TIMER_S), step)
