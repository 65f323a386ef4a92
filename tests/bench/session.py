"""How fast a session reads real redraws, beside what the kernel alone carries, and how soon it answers a prompt."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from swarmbot.core.agent_file import parse
from swarmbot.core.agent_spec import AgentSpec
from swarmbot.core.redact import redactor
from swarmbot.core.session import Session
from swarmbot.terminal.pty import Pty, spawn
from swarmbot.terminal.pump import TerminalSession
from swarmbot.terminal.recording import Recorder, read_cast
from swarmbot.terminal.screen import warm
from tests.bench.figures import note, run, say

RECORDING = Path(__file__).parents[1] / "recordings" / "claude-edit.cast"
SPEC = Path(__file__).parents[2] / "swarmbot/agents/claude.toml"
BYTES, ROUNDS = 24_000_000, 3
PROMPTS = 150
COLS, ROWS = 120, 40

# Each program writes what it measured into the file named first: the terminal is what is measured.
FLOOD = """
import json, os, sys, time, tty
tty.setraw(0)
data = open(sys.argv[2], "rb").read()
began = time.perf_counter()
for _ in range(int(sys.argv[3])):
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest):]
json.dump([time.perf_counter() - began], open(sys.argv[1], "w"))
"""
ASK = """
import json, os, sys, time, tty
tty.setraw(0)
took = []
for number in range(int(sys.argv[2])):
    time.sleep(0.02)
    began = time.perf_counter()
    os.write(1, b"\\r\\nRun step %d of the plan? [Y/n] " % number)
    os.read(0, 64)
    took.append(time.perf_counter() - began)
json.dump(took, open(sys.argv[1], "w"))
"""
ASKER = """
name = "asker"
title = "Asks"
settle_s = {settle}
[headless]
argv = ["asks"]
task = "file"
[[rule]]
name = "default-yes"
at_cursor = '\\[Y/n\\]\\s*$'
keys = ["enter"]
times = 200
"""


async def main(folder: Path, wanted: frozenset[str]) -> None:
    warm()
    if "session_mb_per_s" in wanted:
        await _throughput(folder)
    if "prompt_to_answer_p50_ms" in wanted:
        await _answers(folder)


async def _throughput(folder: Path) -> None:
    drawn = "".join(event.data for event in read_cast(RECORDING)[1] if event.kind == "o").encode()
    data = folder / "redraws"
    data.write_bytes(drawn)
    times = BYTES // len(drawn)
    size = times * len(drawn) / 1e6
    spec = parse(SPEC.read_text(), source=SPEC.name)
    alone, driven = [], []
    for number in range(ROUNDS):
        argv = [str(data), str(times)]
        alone.append(size / (await _timed(FLOOD, argv, folder, _discard))[0])

        async def drive(pty: Pty, name: str = f"flood-{number}") -> None:
            await _drive(pty, spec, folder / f"{name}.cast")

        driven.append(size / (await _timed(FLOOD, argv, folder, drive))[0])
    note(f"kernel alone {statistics.median(alone):.1f} MB/s; with the session {_listed(driven)} MB/s")
    say("session_mb_per_s", statistics.median(driven), "MB/s")


async def _answers(folder: Path) -> None:
    alone = statistics.median(await _timed(ASK, [str(PROMPTS)], folder, _answer_at_once)) * 1000
    note(f"kernel alone: p50 {alone:.2f} ms")
    # Of the agent's own settling time the engine knows nothing but its length, so it is left out of the figure.
    for settle, prompts in ((0.15, 10), (0.0, PROMPTS)):
        spec = parse(ASKER.format(settle=settle), source="asker")

        async def drive(pty: Pty, spec: AgentSpec = spec) -> None:
            await _drive(pty, spec, folder / f"answers-{spec.settle_s}.cast")

        took = await _timed(ASK, [str(prompts)], folder, drive)
        median = statistics.median(took) * 1000
        note(f"settle_s {settle}: p50 {median:.2f} ms of {prompts} prompts, slowest {max(took) * 1000:.2f} ms")
    note("the figure is that without the settling time that each agent's file sets")
    say("prompt_to_answer_p50_ms", median, "ms")


async def _timed(program: str, argv: list[str], folder: Path, drive: Callable[[Pty], Awaitable[None]]) -> list[float]:
    """Run a program in a terminal that ``drive`` reads, and return the seconds that the program measured."""
    result = folder / f"result-{time.monotonic_ns()}"
    command = [sys.executable, "-c", program, str(result), *argv]
    async with await spawn(command, cwd=folder, env={"PATH": os.environ["PATH"]}, cols=COLS, rows=ROWS) as pty:
        await drive(pty)
    if not result.exists():
        raise RuntimeError("the program was ended before it had measured anything")
    seconds: list[float] = json.loads(result.read_text())
    return seconds


async def _discard(pty: Pty) -> None:
    """Read to the end and do nothing else."""
    over = asyncio.Event()

    def read() -> None:
        if pty.read().ended:
            asyncio.get_running_loop().remove_reader(pty.fd)
            over.set()

    asyncio.get_running_loop().add_reader(pty.fd, read)
    await over.wait()


async def _answer_at_once(pty: Pty) -> None:
    """Press Enter at whatever is printed, without a look at it."""
    over = asyncio.Event()

    def read() -> None:
        if pty.read().ended:
            asyncio.get_running_loop().remove_reader(pty.fd)
            over.set()
        else:
            pty.write(b"\r")

    asyncio.get_running_loop().add_reader(pty.fd, read)
    await over.wait()


async def _drive(pty: Pty, spec: AgentSpec, recording: Path) -> None:
    """Drive the program as a worker does: machine, recording and redactor are the real ones."""
    session = Session(spec, "the task", at=time.monotonic())
    redact = redactor(["a secret of the operator's", "another one that is longer"])
    with Recorder(recording, cols=COLS, rows=ROWS, redact=redact) as recorder:
        await TerminalSession(pty, session, recorder, lambda event: None).run()


def _listed(figures: list[float]) -> str:
    return ", ".join(f"{found:.1f}" for found in figures)


if __name__ == "__main__":
    run(main, seconds=60)
