"""Runs ``swarmbot up`` in a process of its own, and tells when it was ready. Loads the standard library only:

libraries in the memory of the bench would be shared with the bot, and the bot's share would look smaller than it is.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

READY = ("web ready", "worker ready")
START_S, STOP_S = 20.0, 4.0


@dataclass(frozen=True)
class Bot:
    """A bot that is ready: its process, its address, and the seconds from its start until both parts were ready."""

    pid: int
    address: str
    ready_s: float


@asynccontextmanager
async def up(environment: dict[str, str]) -> AsyncIterator[Bot]:
    """Run the bot for the body. Raises :class:`RuntimeError` with its last words if it does not get ready."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "swarmbot", "up", env=environment, stderr=asyncio.subprocess.PIPE, start_new_session=True
    )
    drain: asyncio.Task[None] | None = None
    try:
        address = await _until_ready(process)
        bot = Bot(process.pid, address, time.monotonic() - began)
        drain = asyncio.create_task(_drain(process))
        yield bot
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            print(f"  the bot did not end within {STOP_S:.0f} s of SIGTERM and was killed", file=sys.stderr, flush=True)
            process.kill()
            await process.wait()
        if drain is not None:
            await drain


async def _until_ready(process: asyncio.subprocess.Process) -> str:
    """Read the log until every part has said that it is ready, and return the web server's address."""
    if process.stderr is None:
        raise RuntimeError("the bot's log is not a pipe")
    said: list[str] = []
    waiting, address = set(READY), ""
    with suppress(TimeoutError):
        async with asyncio.timeout(START_S):
            while waiting and (line := await process.stderr.readline()):
                said.append(line.decode(errors="replace"))
                with suppress(json.JSONDecodeError):
                    entry = json.loads(line)
                    waiting.discard(entry.get("event", ""))
                    address = entry.get("address", address)
    if waiting:
        raise RuntimeError(f"the bot did not say {sorted(waiting)} within {START_S:.0f} s:\n{''.join(said[-20:])}")
    return address


async def _drain(process: asyncio.subprocess.Process) -> None:
    """Keep the log's pipe empty: full, it would stop the bot."""
    while process.stderr and await process.stderr.read(65536):
        pass
