"""Finds and ends everything that a terminal's program started, whatever session or parent it has by now.

Linux only: it reads ``/proc`` and signals through pidfds, which cannot hit a stranger that got a used pid.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

MARK_VARIABLE = "SWARMBOT_TERMINAL"
"""In the environment of every program that is spawned, and so of what it starts: the thread to a daemon that left."""

_PROC = Path("/proc")


class Process(msgspec.Struct, frozen=True):
    """One row of the process table (proc(5), ``stat``)."""

    pid: int
    parent: int
    session: int
    dead: bool
    """Whether it has ended and only waits to be reaped."""
    started: int
    """Clock ticks after boot; with ``pid`` it names a process for good."""


def process(pid: int) -> Process | None:
    """Return the process with this pid, or None where there is none."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The program's name may hold spaces and parentheses; the fields begin after the last one.
    fields = stat[stat.rindex(")") + 2 :].split()
    return Process(pid, int(fields[1]), int(fields[3]), fields[0] in "ZX", int(fields[19]))


def find_family(leader: Process, mark: str) -> list[Process]:
    """Return all that live and belong to ``leader``, itself included. Blocks for some milliseconds.

    A process belongs if it is in the leader's session, is marked with ``mark`` in its environment, or descends from
    one that belongs. Nothing older than the leader does, so only few environments are read.
    """
    young = {pid: found for pid, found in _table().items() if found.started >= leader.started}
    own = {p.pid for p in young.values() if leader.pid in (p.pid, p.session) or _is_marked(p.pid, mark)}
    return _with_descendants(own, young)


async def end_marked(mark: str, seconds: float = 5.0) -> None:
    """Kill all processes of this machine that carry ``mark`` and what descends from them; waits at most ``seconds``.

    For what a worker left when it was killed itself. It reads every environment that it may, so it is no daily work.
    """

    def find() -> list[Process]:
        table = _table()
        return _with_descendants({pid for pid in table if _is_marked(pid, mark)}, table)

    await signal_and_wait(await asyncio.to_thread(find), (signal.SIGKILL,), seconds)


def _table() -> dict[int, Process]:
    rows = (process(int(entry)) for entry in os.listdir(_PROC) if entry.isdigit())  # noqa: PTH208
    return {found.pid: found for found in rows if found}


def _with_descendants(family: set[int], table: Mapping[int, Process]) -> list[Process]:
    grown = True
    while grown:
        children = {p.pid for p in table.values() if p.parent in family} - family
        family = family | children
        grown = bool(children)
    return [table[pid] for pid in sorted(family) if not table[pid].dead]


def _is_marked(pid: int, mark: str) -> bool:
    try:
        return f"{MARK_VARIABLE}={mark}".encode() in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


async def signal_and_wait(members: Iterable[Process], signals: tuple[signal.Signals, ...], seconds: float) -> None:
    """Send ``signals`` to each of ``members`` and wait until all are dead, but no longer than ``seconds``."""
    loop = asyncio.get_running_loop()
    handles = [handle for member in members if (handle := _handle(member)) is not None]
    alive = set(handles)
    all_gone = asyncio.Event()

    def gone(handle: int) -> None:
        loop.remove_reader(handle)
        alive.discard(handle)
        if not alive:
            all_gone.set()

    try:
        for handle in handles:
            loop.add_reader(handle, gone, handle)
            _send(handle, signals)
        if handles:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await all_gone.wait()
    finally:
        for handle in handles:
            loop.remove_reader(handle)
            os.close(handle)


def _handle(member: Process) -> int | None:
    """Open a pidfd for exactly this process: the pid is checked again after it can no longer change hands."""
    try:
        handle = os.pidfd_open(member.pid)
    except OSError:
        return None
    now = process(member.pid)
    if now is None or now.dead or now.started != member.started:
        os.close(handle)
        return None
    return handle


def _send(handle: int, signals: tuple[signal.Signals, ...]) -> None:
    for number in signals:
        try:
            signal.pidfd_send_signal(handle, number)
        except (ProcessLookupError, PermissionError):
            return
