"""Makes something on GitHub once, although an answer may be lost or an earlier attempt may have made it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from swarmbot.github.client import TRIES, Unavailable

log = structlog.get_logger()

T = TypeVar("T")


async def once(find: Callable[[], Awaitable[T | None]], make: Callable[[], Awaitable[T]], *, look_first: bool) -> T:
    """Return what ``make`` makes, or what ``find`` finds of it.

    ``look_first``: it may be there already. After an answer that was lost it is looked for in any case. Raises
    :class:`~swarmbot.github.client.Unavailable` after some tries, and what ``find`` and ``make`` raise besides.
    """
    for turn in range(1, TRIES):
        try:
            return (await find() if look_first else None) or await make()
        except Unavailable as error:
            log.warning("again later", error=str(error), seconds=turn * turn)
            look_first = True
            await asyncio.sleep(turn * turn)
    return (await find() if look_first else None) or await make()
