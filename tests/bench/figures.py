"""How one bench begins, says its figures, and ends: within its time, with nothing left behind."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from swarmbot import logs

Bench = Callable[[Path, frozenset[str]], Awaitable[None]]


def say(name: str, value: float, unit: str) -> None:
    """Print one figure as a JSON line on standard output."""
    print(json.dumps({"name": name, "value": round(value, 3), "unit": unit}), flush=True)


def note(text: str) -> None:
    """Print an explanation on standard error."""
    print(f"  {text}", file=sys.stderr, flush=True)


def run(bench: Bench, *, seconds: float) -> None:
    """Run ``bench`` in the event loop that the bot uses, with a temporary folder and the names of the wanted figures.

    After ``seconds``, or at SIGINT or SIGTERM, it is cancelled, so that it ends what it started. Raises
    :class:`TimeoutError` and whatever the bench raises.
    """
    logs.configure(level=logging.ERROR)  # to standard error: standard output is for figures
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        uvloop.run(_bounded(bench, Path(folder).resolve(), seconds))


async def _bounded(bench: Bench, folder: Path, seconds: float) -> None:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a bench runs in a task")
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    async with asyncio.timeout(seconds):
        await bench(folder, frozenset(sys.argv[1:]))
