"""What 50 agents that redraw ten times a second cost their worker: processor time and memory, theirs not counted."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from swarmbot.core.agent_file import parse
from swarmbot.core.agent_spec import AgentSpec
from swarmbot.core.answers import read
from swarmbot.core.redact import redactor
from swarmbot.core.session import Session
from swarmbot.terminal.pty import Pty, spawn
from swarmbot.terminal.pump import TerminalSession
from swarmbot.terminal.recording import Recorder, read_cast
from swarmbot.terminal.screen import VirtualScreen, warm
from tests.bench.figures import note, run, say
from tests.bench.session import COLS, RECORDING, ROWS, SPEC

SPINNERS = 50
SETTLE_S, MEASURED_S = 2.0, 10.0

SPIN = """
import json, os, sys, time
first, frames = json.load(open(sys.argv[1]))
os.write(1, first.encode())
due = time.monotonic()
while True:
    for frame in frames:
        due += 0.1
        time.sleep(max(0, due - time.monotonic()))
        os.write(1, frame.encode())
"""


async def main(folder: Path, wanted: frozenset[str]) -> None:
    warm()
    spec = parse(SPEC.read_text(), source=SPEC.name)
    frames = folder / "frames.json"
    frames.write_text(json.dumps(_busy_frames(spec)))
    # One that ends at once: what the first session loads, all others find loaded.
    async with _spinning(spec, frames, folder, 1):
        await asyncio.sleep(0.5)
    before = _resident()
    async with _spinning(spec, frames, folder, SPINNERS) as sessions:
        await asyncio.sleep(SETTLE_S)
        began, used = time.monotonic(), _processor_seconds()
        await asyncio.sleep(MEASURED_S)
        share = (_processor_seconds() - used) / (time.monotonic() - began)
        grown = (_resident() - before) / SPINNERS
    if any(session.outcome for session in sessions):
        raise RuntimeError("a session ended while it should have been watching")
    note(f"{SPINNERS} sessions over {MEASURED_S:.0f} s; resident before them {before / 1024:.0f} MB")
    for name, figure, unit in (("spinners_50_cpu_percent", share * 100, "%"), ("spinner_rss_kb", grown, "KB")):
        if name in wanted:
            say(name, figure, unit)


def _busy_frames(spec: AgentSpec) -> tuple[str, list[str]]:
    """Return what a real agent drew until it was busy, and its redraws while it was."""
    screen = VirtualScreen(COLS, ROWS, lambda _: None)
    first, frames = "", []
    for event in read_cast(RECORDING)[1]:
        if event.kind != "o":
            continue
        screen.feed(event.data.encode())
        busy = read(screen.snapshot(), spec).busy
        if busy and first:
            frames.append(event.data)
        elif frames:
            break
        else:
            first += event.data
    if not frames:
        raise RuntimeError(f"{RECORDING.name} shows no busy agent")
    return first, frames


@asynccontextmanager
async def _spinning(spec: AgentSpec, frames: Path, folder: Path, count: int) -> AsyncIterator[list[Session]]:
    """Run so many programs, each with session, recording and redactor as in a worker, for the body."""
    ptys: list[Pty] = []
    tasks: list[asyncio.Task[object]] = []
    sessions: list[Session] = []
    try:
        for number in range(count):
            command = [sys.executable, "-I", "-S", "-c", SPIN, str(frames)]
            ptys.append(await spawn(command, cwd=folder, env={"PATH": os.environ["PATH"]}, cols=COLS, rows=ROWS))
            sessions.append(Session(spec, "the task", at=time.monotonic()))
            recording = folder / f"spinner-{count}-{number}.cast"
            tasks.append(asyncio.create_task(_watch(ptys[-1], sessions[-1], recording)))
        yield sessions
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for pty in ptys[len(tasks) :]:
            await pty.end(grace=0)
            pty.close()


async def _watch(pty: Pty, session: Session, recording: Path) -> None:
    redact = redactor(["a secret of the operator's", "another one that is longer"])
    with Recorder(recording, cols=COLS, rows=ROWS, redact=redact) as recorder:
        await TerminalSession(pty, session, recorder, lambda event: None).run()


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _resident() -> int:
    """Return this process' resident memory in KB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


if __name__ == "__main__":
    run(main, seconds=60)
