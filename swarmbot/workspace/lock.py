"""A lock between processes, on a file: for a mirror, which only one git at a time may write to."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path

from swarmbot.workspace.errors import MirrorBusy

_RETRY_S = 0.02
"""Seconds between two tries. A blocking flock(2) could be neither cancelled nor timed out without leaving a thread."""


@contextlib.asynccontextmanager
async def locked(path: Path, *, seconds: float) -> AsyncIterator[int]:
    """Hold the lock on the file ``path`` and give its descriptor. Raises :class:`MirrorBusy` after ``seconds``.

    The lock belongs to the open file, not to the process: children that inherit the descriptor keep it. So after the
    sudden death of the bot the lock is free only when its last git has ended as well.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = asyncio.get_running_loop().time() + seconds
        while not _try(descriptor):
            if asyncio.get_running_loop().time() >= deadline:
                raise MirrorBusy(f"{path.name} was held by another process for {seconds:g} s.")
            await asyncio.sleep(_RETRY_S)
        yield descriptor
    finally:
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
