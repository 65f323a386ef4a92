"""Agents and other programs in terminals, without GitHub: spawn, send, keys, answer, status, list, stop.

Everything runs on the caller's event loop, and nothing is polled. Linux only, as the terminals are.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import secrets
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self, get_args

import structlog

from swarmbot import agents
from swarmbot.agents import programs as installed
from swarmbot.agents.drive import COLS, ROWS, Seat
from swarmbot.agents.live import LiveSession
from swarmbot.agents.live_model import (
    AgentUnknown,
    CannotStart,
    CredentialMissing,
    HasTask,
    NameTaken,
    NoSuchSession,
    NotAsked,
    NothingToResume,
    ProgramMissing,
    SessionEvent,
    SessionInfo,
    SessionOver,
    SessionsError,
    SettingMissing,
    Status,
    TooManySessions,
)
from swarmbot.core.agent_launch import Wish
from swarmbot.core.agent_spec import AgentSpec, Autonomy, Mode, Start
from swarmbot.core.redact import plain
from swarmbot.core.session_model import Limits
from swarmbot.core.usage import Tokens
from swarmbot.settings import agents_cache
from swarmbot.terminal.pty import ProgramNotFound
from swarmbot.terminal.recording import read_cast
from swarmbot.workspace.disk import remove_folder

__all__ = [
    "AgentSessions", "AgentUnknown", "CannotStart", "CredentialMissing", "HasTask", "NameTaken", "NoSuchSession",
    "NotAsked", "NothingToResume", "ProgramMissing", "SessionEvent", "SessionInfo", "SessionOver", "SessionsError",
    "SettingMissing", "Status", "Tokens", "TooManySessions",
]  # fmt: skip

_log = structlog.get_logger()

PATIENT = Limits(silence_s=math.inf, total_s=math.inf, waiting_s=math.inf)
"""The clocks of a session unless others are given: it may take its time, as only the idle clock runs."""

GRACE_S = 2.0
"""What a program gets to go by itself when it is stopped; all that it started is gone 5 s after that at most."""

Until = Literal["done", "blocked", "ready", "running", "ended"]
"""``done``: it works on nothing, as it is ready for the next task or has ended. ``ended``: the program is gone."""


class AgentSessions:
    """Sessions of agents and of other programs, each in a terminal of its own: ``async with AgentSessions() as s``.

    ``max_sessions`` may be alive at once. ``idle_s``: a session without output and input for so many seconds is
    stopped. ``folder`` keeps what belongs to the sessions (a folder each, by name: home, temporary files, recordings);
    without one it is made in the user's cache and removed at the end. ``agents_dir`` has agent files beside those of
    swarmbot; a file of the same name wins. ``environment`` is the operator's, by default this process's: a program gets
    of it what its agent file names. ``programs`` is a folder of programs, looked in before the PATH. Without them,
    ``SWARMBOT_AGENTS_DIR`` and ``SWARMBOT_PROGRAMS`` of ``environment`` count, and the folder of ``make agents``.
    ``limits`` are further clocks of every session.

    Leaving the context stops all sessions, also after an error or a cancellation; no process is left behind. Entering
    it raises :class:`~swarmbot.core.agent_spec.AgentSpecError` for a broken agent file and :class:`OSError`.
    """

    def __init__(
        self,
        max_sessions: int = 5,
        idle_s: float = 1800.0,
        folder: Path | None = None,
        agents_dir: Path | None = None,
        environment: Mapping[str, str] | None = None,
        programs: Path | None = None,
        limits: Limits = PATIENT,
    ) -> None:
        self._max, self._idle_s, self._limits = max_sessions, idle_s, limits
        self._operator = dict(os.environ if environment is None else environment)
        self._agents_dir = agents_dir or self._named("SWARMBOT_AGENTS_DIR")
        self._programs = programs or self._named("SWARMBOT_PROGRAMS") or agents_cache() / "bin"
        self._given, self._folder = folder, Path()
        self._specs: dict[str, AgentSpec] = {}
        self._live: dict[str, LiveSession] = {}
        self._open = False

    def _named(self, variable: str) -> Path | None:
        path = self._operator.get(variable, "")
        return Path(path).expanduser() if path else None

    async def __aenter__(self) -> Self:
        self._specs = await asyncio.to_thread(agents.load, *filter(None, [self._agents_dir]))
        self._folder = _made(self._given)
        self._open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open = False
        closing = asyncio.ensure_future(self._close())
        cancelled = False
        while not closing.done():
            try:
                await asyncio.wait({closing})
            except asyncio.CancelledError:
                cancelled = True  # nothing may be left behind; it ends in bounded time
        closing.result()
        if cancelled:
            raise asyncio.CancelledError

    async def spawn(
        self,
        agent: str,
        *,
        tree: Path | str,
        task: str | None = None,
        mode: Mode = "interactive",
        autonomy: Autonomy = "edits",
        model: str = "",
        resume: bool = False,
        leave: bool = False,
        name: str | None = None,
        cols: int = COLS,
        rows: int = ROWS,
    ) -> SessionInfo:
        """Start an agent in the folder ``tree``, with ``task`` or to wait for one, and return once its program runs.

        ``leave``: it is asked to go when its task is done, instead of waiting for the next. ``name`` becomes the
        session's id, random otherwise; ``resume`` goes on with an earlier, ended session of that name and the same
        tree. Without ``resume`` the home begins empty. ``cols`` and ``rows`` are the terminal's size in cells. In
        ``mode`` "headless" an agent needs a task and ends with it.

        Raises :class:`TooManySessions`, :class:`NameTaken`, :class:`CannotStart` and what stands below it,
        :class:`ValueError` for a value that is none.
        """
        if mode not in get_args(Mode) or autonomy not in get_args(Autonomy):
            raise ValueError(f"mode is one of {get_args(Mode)}, autonomy one of {get_args(Autonomy)}")
        spec = self._specs.get(agent)
        if spec is None:
            raise AgentUnknown(f"There is no agent {agent!r}; there are {', '.join(sorted(self._specs))}.")
        if refusal := self._refusal(spec):
            raise refusal
        if not task and spec.start(mode).task != "paste":
            raise CannotStart(f"The agent {agent} takes its task at its start; give it one.")
        if resume and not (name and (self._folder / _checked(name) / "home").is_dir()):
            raise NothingToResume(f"There is no earlier session called {name!r} in {self._folder}.")
        wish = Wish(task=task or "", mode=mode, autonomy=autonomy, model=model, resume=resume)
        return await self._start(spec, wish, Path(tree), name, cols, rows, stays=not leave)

    async def spawn_command(
        self,
        argv: Sequence[str],
        *,
        tree: Path | str,
        environment: Mapping[str, str] | None = None,
        name: str | None = None,
        cols: int = COLS,
        rows: int = ROWS,
    ) -> SessionInfo:
        """Start any command in the folder ``tree``: nothing is typed into it by rule.

        It gets PATH, language and time zone of the operator's environment, a HOME and TMPDIR of its own, and
        ``environment``. A menu or a yes-or-no question at the cursor makes it ``blocked``. Raises as :meth:`spawn`.
        """
        if not argv:
            raise ValueError("argv is empty")
        spec = AgentSpec(
            name="command",
            title=argv[0],
            headless=Start(argv=tuple(map(_literal, argv)), task="file", asks=True),
            environment={key: _literal(value) for key, value in (environment or {}).items()},
        )
        return await self._start(spec, Wish(task="", mode="headless"), Path(tree), name, cols, rows, stays=False)

    async def send(self, session: str, text: str, *, enter: bool = True) -> None:
        """Send ``text`` and Enter to a session.

        An agent that has no task takes it as its task: it is put into the composer once that is there, and seen to
        leave it. Otherwise it is typed, as an answer, a slash command, or for the queue of an agent at work. Raises
        :class:`NoSuchSession`, :class:`SessionOver`, :class:`HasTask`.
        """
        await self._get(session).send(text, enter=enter)

    def keys(self, session: str, keys: Sequence[str]) -> None:
        """Press keys: ``enter up down left right esc tab space backspace ctrl-c`` or single characters.

        Raises :class:`NoSuchSession`, :class:`SessionOver`, and :class:`ValueError` for a key that is none.
        """
        self._get(session).keys((keys,) if isinstance(keys, str) else tuple(keys))

    def answer(self, session: str, option: int) -> None:
        """Take one of the options of the question that a blocked session asks, counted from 0.

        The mark is moved there and seen there before it is confirmed. Raises :class:`NoSuchSession`,
        :class:`SessionOver`, :class:`NotAsked`.
        """
        self._get(session).answer(option)

    def resize(self, session: str, cols: int, rows: int) -> None:
        """Change the size of a session's terminal, in cells. Raises :class:`NoSuchSession`, :class:`SessionOver`."""
        self._get(session).resize(cols, rows)

    def status(self, session: str) -> SessionInfo:
        """Return everything about one session as it is at this moment. Raises :class:`NoSuchSession`."""
        return self._get(session).info()

    def list(self) -> tuple[SessionInfo, ...]:
        """Return all sessions, ended ones too, in the order in which they were started."""
        return tuple(live.info() for live in self._live.values())

    def screen(self, session: str) -> str:
        """Return the rows that the terminal shows, or showed last; not redacted. Raises :class:`NoSuchSession`."""
        return self._get(session).screen()

    async def output(self, session: str) -> str:
        """Return what the program has printed so far as plain text, 0.1 s late at most while it runs.

        It is read from the recording, with redrawn rows as often as they were drawn. Raises :class:`NoSuchSession`.
        """
        return await asyncio.to_thread(_printed, self._get(session).recording)

    async def used(self, session: str) -> Tokens:
        """Return the tokens that a session has used, as its program wrote them down. Raises :class:`NoSuchSession`."""
        live = self._get(session)
        await live.count()
        return live.used

    async def events(self, session: str) -> AsyncIterator[SessionEvent]:
        """Yield what happened in a session, from its beginning (1000 events are kept), until it has ended.

        Raises :class:`NoSuchSession`.
        """
        async for event in self._get(session).events():
            yield event

    async def wait(self, session: str, until: Until | Collection[Until] = ("done", "blocked")) -> SessionInfo:
        """Wait until one of ``until`` holds, or the session has ended; return how it stands then.

        Bound it with :func:`asyncio.timeout`. Raises :class:`NoSuchSession`, :class:`ValueError` for a wrong ``until``.
        """
        live, wanted = self._get(session), {until} if isinstance(until, str) else set(until)
        if wrong := wanted - set(get_args(Until)):
            raise ValueError(f"{', '.join(sorted(wrong))}: wait for one of {', '.join(get_args(Until))}")
        await live.until(lambda: live.ended or live.status in wanted or ("done" in wanted and live.works_on_nothing))
        await live.count()
        return live.info()

    async def shows(self, session: str, pattern: str) -> str:
        """Wait until ``pattern``, a regular expression, is found on the screen, and return the screen.

        Raises :class:`NoSuchSession`, and :class:`SessionOver` when the session has ended without it.
        """
        live, wanted = self._get(session), re.compile(pattern, re.MULTILINE)
        await live.until(lambda: live.ended or bool(wanted.search(live.screen())))
        if not wanted.search(live.screen()):
            raise SessionOver(f"The session {session} has ended and never showed {pattern!r}.")
        return live.screen()

    async def stop(self, session: str, *, grace: float = GRACE_S) -> SessionInfo:
        """End a session with all that it started and return when nothing of it is left; nothing if it has ended.

        ``grace`` is what the program gets to go by itself, in seconds. Raises :class:`NoSuchSession`.
        """
        live = self._get(session)
        live.stop("It was stopped.", grace)
        if live.task and not live.task.done():
            await asyncio.wait({live.task})
        return live.info()

    async def forget(self, session: str) -> None:
        """Stop a session, take it off the list and remove its folder unless ``folder`` was given.

        Raises :class:`NoSuchSession`, and :class:`OSError` when its folder cannot be removed.
        """
        await self.stop(session)
        live = self._live.pop(session)
        if self._given is None:
            await remove_folder(live.seat.folder)

    def _get(self, session: str) -> LiveSession:
        try:
            return self._live[session]
        except KeyError:
            known = ", ".join(self._live) or "none"
            raise NoSuchSession(f"There is no session {session!r}; there are: {known}.") from None

    def _refusal(self, spec: AgentSpec) -> CannotStart | None:
        text = installed.problem(spec, self._operator, self._programs)
        if not text:
            return None
        kind: type[CannotStart] = CredentialMissing
        if not all(self._operator.get(name) for name in spec.operator_settings):
            kind = SettingMissing
        elif installed.find(spec, self._operator, self._programs) is None:
            kind = ProgramMissing
        return kind(f"{spec.title}: {text}")

    async def _start(
        self, spec: AgentSpec, wish: Wish, tree: Path, name: str | None, cols: int, rows: int, *, stays: bool
    ) -> SessionInfo:
        name = _checked(name or secrets.token_hex(4))
        self._make_room(name)
        seat = Seat(self._folder / name, _there(tree), self._operator, self._programs)
        live = LiveSession(
            name, spec, wish, seat, _unused(seat.folder), limits=self._limits, idle_s=self._idle_s, cols=cols,
            rows=rows, stays=stays,
        )  # fmt: skip
        self._live[name] = live
        task = live.begin()
        try:
            await live.until(lambda: live.agent is not None or live.ended)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            raise
        if live.agent is None:
            del self._live[name]
            kind = ProgramMissing if isinstance(live.error, ProgramNotFound) else CannotStart
            raise kind(str(live.error or "It was stopped before it had started.")) from live.error
        return live.info()

    def _make_room(self, name: str) -> None:
        if not self._open:
            raise CannotStart("The sessions are not open: use them inside `async with AgentSessions() as sessions`.")
        alive = [live.name for live in self._live.values() if not live.ended]
        if name in alive:
            raise NameTaken(f"A session called {name} is alive; stop it or take another name.")
        if len(alive) >= self._max:
            raise TooManySessions(
                f"{len(alive)} sessions are alive ({', '.join(alive)}) and no more are allowed. "
                "Stop one, or raise max_sessions."
            )
        self._live.pop(name, None)

    async def _close(self) -> None:
        for live in self._live.values():
            live.stop("The sessions were closed.", GRACE_S)
        tasks = {live.task for live in self._live.values() if live.task}
        if tasks:
            await asyncio.wait(tasks)
        if self._given is None:
            try:
                await remove_folder(self._folder)
            except OSError as error:
                _log.error("folder_left", folder=str(self._folder), error=str(error))


def _checked(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise ValueError(f"{name!r} is no name of a session: letters, digits, dots and dashes, 64 at most")
    return name


def _made(given: Path | None) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    # Not the folder for temporary files: some agents trust nothing below a folder that everybody can write to.
    folder = given or cache / "swarmbot" / "sessions"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return (given or Path(tempfile.mkdtemp(prefix="", dir=folder))).resolve()


def _there(tree: Path) -> Path:
    if not tree.is_dir():
        raise CannotStart(f"There is no folder {tree}.")
    return tree.resolve()


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _unused(folder: Path) -> Path:
    number = 1
    while (folder / f"terminal-{number}.cast").exists():
        number += 1
    return folder / f"terminal-{number}.cast"


def _printed(recording: Path) -> str:
    return plain("".join(event.data for event in read_cast(recording)[1] if event.kind == "o"))
