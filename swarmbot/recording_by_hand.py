"""``swarmbot record``: a real program in a recording that replays, driven by a person or by a session."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

import msgspec

from swarmbot import logs
from swarmbot.agents import drive, programs
from swarmbot.core.agent_launch import Wish
from swarmbot.core.agent_spec import AgentSpec, AgentSpecError, Autonomy, FailureKind
from swarmbot.core.endings import advice
from swarmbot.core.redact import redactor
from swarmbot.core.session import Session
from swarmbot.core.session_model import Event, Limits, Outcome
from swarmbot.replaying import one_line, question_text, text_line, watch
from swarmbot.terminal.by_hand import ByHand, is_terminal
from swarmbot.terminal.interrupts import Interrupted, until_interrupted
from swarmbot.terminal.pty import ExitStatus, ProgramNotFound, Pty, SpawnFailed, TerminalError, spawn
from swarmbot.terminal.recording import Recorder, RecordingError
from swarmbot.terminal.replay import Seen
from swarmbot.terminal.scrub import scrub
from swarmbot.terminal.signals import SignalBox


class Order(msgspec.Struct, frozen=True):
    """What is to be recorded."""

    spec: AgentSpec
    output: Path
    tree: Path
    """Folder that the program works in."""
    operator: Mapping[str, str]
    """The environment of whoever records."""
    secrets: tuple[str, ...]
    """Values that must not stand in the file."""
    command: tuple[str, ...] = ()
    """What to run, in the environment of whoever records; empty: the agent as a job starts it, with a home of its
    own."""
    task: str = ""
    """Given to the agent by a session that drives it; empty: a person drives."""
    cols: int = 0
    """0: as wide as the person's terminal, or ``drive.COLS``."""
    rows: int = 0
    programs: Path | None = None
    autonomy: Autonomy = "edits"
    limits: Limits = Limits()


def main(order: Order) -> int:
    """Record and say what came of it.

    Returns the exit code: 0; 1 where a task was given and is not done; 2 where nothing could be recorded; 130 where the
    recording of a task was interrupted.
    """
    logs.configure(order.secrets)
    say = _Say(to_stdout=bool(order.task))
    say(f"Recording into {order.output}.")
    if not order.task:
        say("What you type is recorded too, and may hold secrets: look through the file before you share it.")
    try:
        code = _record(order, say)
    except (TerminalError, AgentSpecError, RecordingError) as error:
        _Say(to_stdout=False)(f"swarmbot: {error}")
        return 2
    _conclude(order, say)
    return code


class _Say:
    """Says something to people. The program's own output goes to stdout where a person drives, and this beside it."""

    def __init__(self, *, to_stdout: bool) -> None:
        self._stream = sys.stdout if to_stdout else sys.stderr

    def __call__(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal may be closed; the recording counts
            self._stream.write(text + "\n")
            self._stream.flush()


def _record(order: Order, say: _Say) -> int:
    if not order.command and programs.find(order.spec, order.operator, order.programs) is None:
        raise ProgramNotFound(programs.problem(order.spec, order.operator, order.programs))
    cols, rows = _size(order)
    redact = redactor(order.secrets)
    recorder = Recorder(order.output, cols=cols, rows=rows, title=order.spec.name, redact=redact)
    try:
        with recorder:
            code = asyncio.run(_driven(order, recorder, say) if order.task else _by_hand(order, recorder, say))
    except Interrupted:
        say("Interrupted.")
        code = 130
    except (ProgramNotFound, SpawnFailed, AgentSpecError):
        order.output.unlink()  # nothing was recorded in it
        raise
    finally:
        if order.output.exists():
            scrub(order.output, order.secrets)
    return code


def _size(order: Order) -> tuple[int, int]:
    cols, rows = drive.COLS, drive.ROWS
    if not order.task and is_terminal(0, 1):
        size = os.get_terminal_size(1)
        cols, rows = size.columns or cols, size.lines or rows
    return order.cols or cols, order.rows or rows


async def _by_hand(order: Order, recorder: Recorder, say: _Say) -> int:
    follow = not (order.cols or order.rows)
    async with _opened(order, *_size(order)) as pty:
        status = await ByHand(pty, recorder, follow=follow).run()
    say(f"\n{_ending(status)}")
    return 0


def _ending(status: ExitStatus) -> str:
    how = f"with exit code {status.code}" if status.signal is None else f"by signal {status.signal}"
    return f"The program has ended {how}."


@asynccontextmanager
async def _opened(order: Order, cols: int, rows: int) -> AsyncIterator[Pty]:
    """Start the program for a person."""
    if order.command:
        async with await spawn(order.command, cwd=order.tree, env=order.operator, cols=cols, rows=rows) as pty:
            yield pty
        return
    async with SignalBox(lambda _: None) as box:
        with tempfile.TemporaryDirectory(prefix="swarmbot-", ignore_cleanup_errors=True) as folder:
            wish = Wish(task="", autonomy=order.autonomy)
            made = await asyncio.to_thread(drive.prepare, order.spec, wish, _seat(order, folder), box.command)
            async with await spawn(made.argv, cwd=order.tree, env=made.environment, cols=cols, rows=rows) as pty:
                yield pty


async def _driven(order: Order, recorder: Recorder, say: _Say) -> int:
    began = time.monotonic()

    def tell(event: Event) -> None:
        say(text_line(Seen(round(time.monotonic() - began, 3), event)))

    async def work() -> Outcome:
        async with _agent(order, recorder, tell) as agent:
            return await agent.run()

    outcome = await until_interrupted(work())
    _say_outcome(order, outcome, say)
    return 0 if outcome.kind == "done" else 1


@asynccontextmanager
async def _agent(order: Order, recorder: Recorder, tell: Callable[[Event], None]) -> AsyncIterator[drive.RunningAgent]:
    """Start the program for a session."""
    cols, rows = _size(order)
    if not order.command:
        with tempfile.TemporaryDirectory(prefix="swarmbot-", ignore_cleanup_errors=True) as folder:
            wish = Wish(task=order.task, autonomy=order.autonomy)
            async with drive.start(
                order.spec, wish, _seat(order, folder), recorder,
                limits=order.limits, on_event=tell, cols=cols, rows=rows,
            ) as agent:  # fmt: skip
                yield agent
        return
    async with await spawn(order.command, cwd=order.tree, env=order.operator, cols=cols, rows=rows) as pty:
        at = time.monotonic()
        session = Session(order.spec, order.task, order.limits, at=at, autonomy=order.autonomy)
        yield drive.RunningAgent(order.command[0], session, pty, recorder, tell)


def _seat(order: Order, folder: str) -> drive.Seat:
    return drive.Seat(Path(folder), order.tree, order.operator, order.programs)


def _say_outcome(order: Order, outcome: Outcome, say: _Say) -> None:
    redact = redactor(order.secrets)
    if outcome.kind == "done":
        say(redact(f"Done. {outcome.summary}".rstrip()))
        return
    say(redact(f"Failed ({outcome.kind}): {one_line(outcome.cause)}"))
    say(advice(outcome.kind, order.spec))
    for row in outcome.rows:
        if row.strip():
            say(redact(f"  | {row}"))


def _conclude(order: Order, say: _Say) -> None:
    """Say where the recording is, what a replay of it sees, and what there is answered by no rule."""
    seen = list(watch(order.output, order.spec))
    rules = [one.event.rule for one in seen if one.event.event == "prompt"]
    others = [one.event.event for one in seen if one.event.event in ("ready", "busy", "done")]
    prompts = f"{len(rules)} prompt{'' if len(rules) == 1 else 's'}" + (f" ({', '.join(rules)})" if rules else "")
    say(f"Recorded in {order.output}.")
    say(f"A replay sees {prompts}; {', '.join(others) or 'nothing else'}.")
    for one in seen:
        if one.event.event == "question":
            failed = one.event.rule in get_args(FailureKind)
            what = "the program shows an error" if failed else "no rule answers this"
            say(f"Warning: at {one.t:.2f} s {what}: {question_text(one)}")
    say(f"To see it again: swarmbot replay --agent {order.spec.name} {order.output}")
