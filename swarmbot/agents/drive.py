"""Starts an agent's program in a terminal of its own and drives it: one task, or several by people."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from swarmbot.agents import home, programs
from swarmbot.core.agent_launch import Launch, Place, Wish, launch
from swarmbot.core.agent_spec import AgentSpec
from swarmbot.core.answers import read
from swarmbot.core.screen import Screen
from swarmbot.core.session import Session
from swarmbot.core.session_model import Action, Event, Limits, Outcome, Paste, Press
from swarmbot.core.signal import Signal, read_signal
from swarmbot.terminal.pty import Pty, spawn
from swarmbot.terminal.pump import TerminalSession
from swarmbot.terminal.recording import Recorder
from swarmbot.terminal.signals import SignalBox

COLS, ROWS = 120, 40
"""Size of an agent's terminal in cells: wide enough for their boxes, and what the recordings were made with."""


@dataclass(frozen=True)
class Seat:
    """Where an agent works. ``folder`` is its own: home, temporary files and task lie there; ``tree`` is the code."""

    folder: Path
    tree: Path
    operator: Mapping[str, str]
    """The operator's environment; the agent gets of it what its file names."""
    programs: Path | None = None
    """Folder of agents' programs, looked in before the PATH."""

    @property
    def home(self) -> Path:
        """The agent's home."""
        return self.folder / "home"


class RunningAgent:
    """An agent at work. ``session`` says where it stands; :meth:`run` drives it to its end."""

    def __init__(
        self,
        argv0: str,
        session: Session,
        pty: Pty,
        recorder: Recorder,
        on_event: Callable[[Event], None],
        on_step: Callable[[bool], None] | None = None,
    ) -> None:
        self.session, self.pty, self.argv0 = session, pty, argv0
        self.said: str | None = None
        """What the agent said last in its task, not redacted; None where no hook of the program ever told it."""
        self._on_step = on_step or (lambda shown: None)
        self._terminal = TerminalSession(pty, _Watched(session, self._on_step), recorder, on_event)

    async def run(self) -> Outcome:
        """Drive it until its program has ended and its output is read to the end; nothing of it is left then."""
        await self._terminal.run()
        if self.session.outcome is None:
            raise RuntimeError("the program has ended and its session has not")
        return self.session.outcome

    def screen(self) -> Screen:
        """Return what its terminal shows."""
        return self._terminal.screen()

    def act(self, step: Callable[[float], list[Action]]) -> None:
        """Let the session do something that people or the program's hooks asked for."""
        self._terminal.act(step)
        self._on_step(False)

    def on_signal(self, signal: Signal) -> None:
        """Take what a hook of the program told."""
        if signal.name == "done" and signal.says:
            self.said = signal.says
        elif signal.name == "submitted" and self.said is not None:
            self.said = ""
        self.act(partial(self.session.on_signal, signal))

    def press(self, keys: tuple[str, ...], *, sends: bool = True) -> None:
        """Press keys, by name or as text, for a person. Without ``sends`` an Enter sends no task, but a command."""
        # An Enter in an empty composer sends nothing.
        empty = keys[:1] == ("enter",) and read(self.screen(), self.session.spec).ready

        def typed(at: float) -> list[Action]:
            self.session.typed(at, entered=sends and "enter" in keys and not empty)
            return [Press(keys)]

        self.act(typed)

    def paste(self, text: str) -> None:
        """Put a text where the cursor is in one piece, for a person."""

        def typed(at: float) -> list[Action]:
            self.session.typed(at, entered=False)
            return [Paste(text)]

        self.act(typed)

    def resize(self, cols: int, rows: int) -> None:
        """Change the size of its terminal, in cells."""
        self._terminal.resize(cols, rows)

    async def end(self, *, grace: float) -> None:
        """End the program and all that it started; ``grace`` is what it gets to end by itself, in seconds."""
        await self.pty.end(grace=grace)


class _Watched:
    """A session that tells after each step that it was taken, and whether it was shown a screen."""

    def __init__(self, session: Session, on_step: Callable[[bool], None]) -> None:
        self._session, self._on_step = session, on_step

    @property
    def wake_at(self) -> float | None:
        return self._session.wake_at

    def on_screen(self, screen: Screen, at: float) -> list[Action]:
        actions = self._session.on_screen(screen, at)
        self._on_step(True)
        return actions

    def on_tick(self, at: float) -> list[Action]:
        actions = self._session.on_tick(at)
        self._on_step(False)
        return actions

    def on_exit(self, code: int | None, signal: int | None, screen: Screen, at: float) -> list[Action]:
        actions = self._session.on_exit(code, signal, screen, at)
        self._on_step(False)
        return actions


def prepare(spec: AgentSpec, wish: Wish, seat: Seat, signal: tuple[str, ...]) -> Launch:
    """Lay out the agent's folder and return what to start. Raises ``AgentSpecError`` and :class:`OSError`."""
    folder, tree = seat.folder.resolve(), seat.tree.resolve()
    for name in ("home", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    task_file = folder / "task.md"
    task_file.write_text(wish.task, encoding="utf-8")
    place = Place(
        # One that is not there keeps its bare name: starting it says so.
        program=programs.find(spec, seat.operator, seat.programs) or programs.name(spec),
        python=sys.executable,
        home=str(folder / "home"),
        tree=str(tree),
        tmp=str(folder / "tmp"),
        task_file=str(task_file),
        operator=seat.operator,
        path=programs.search_path(seat.operator, seat.programs),
        signal=signal,
        memory_files=home.instructions(tree),
    )
    made = launch(spec, wish, place)
    home.lay_out(folder / "home", made.files)
    return made


@asynccontextmanager
async def start(
    spec: AgentSpec,
    wish: Wish,
    seat: Seat,
    recorder: Recorder,
    *,
    limits: Limits,
    on_event: Callable[[Event], None],
    on_step: Callable[[bool], None] | None = None,
    cols: int = COLS,
    rows: int = ROWS,
    mark: str = "",
    stays: bool = False,
) -> AsyncIterator[RunningAgent]:
    """Start the agent for the body, which calls :meth:`RunningAgent.run`.

    ``on_event`` must not block. Nor must ``on_step``, which is called after each step of the session, before its
    actions are carried out; True: output came. ``mark`` finds its processes again after a crash. ``stays`` keeps it
    after its task. Raises ``AgentSpecError``, :class:`~swarmbot.terminal.pty.ProgramNotFound` and
    :class:`~swarmbot.terminal.pty.SpawnFailed`.
    """
    running: RunningAgent | None = None

    def take(data: bytes) -> None:
        signal = read_signal(data, spec.signals)
        if running and signal:
            running.on_signal(signal)

    async with SignalBox(take) as box:
        made = await asyncio.to_thread(prepare, spec, wish, seat, box.command)
        before = await asyncio.to_thread(home.litter, spec, seat.tree)
        async with await spawn(
            list(made.argv), cwd=seat.tree, env=made.environment, cols=cols, rows=rows, mark=mark
        ) as pty:
            session = Session(
                spec, wish.task or None, limits, at=time.monotonic(), mode=wish.mode, autonomy=wish.autonomy,
                told=True, stays=stays,
            )  # fmt: skip
            running = RunningAgent(made.argv[0], session, pty, recorder, on_event, on_step)
            try:
                yield running
            finally:
                await asyncio.to_thread(home.clear_litter, spec, seat.tree, before)
