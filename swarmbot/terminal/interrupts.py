"""Stops work in an orderly way when the process is told to end, so that programs in terminals are ended with it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Result = TypeVar("Result")


class Interrupted(Exception):
    """The process was told to end."""


async def until_interrupted(work: Coroutine[Any, Any, Result]) -> Result:
    """Return what ``work`` returns. A signal of ``SIGNALS`` cancels it; :class:`Interrupted` once it has cleaned up."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    told = False

    def stop() -> None:
        nonlocal told
        told = True
        task.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        if told:
            raise Interrupted from None
        raise
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
