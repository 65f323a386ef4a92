"""Remembers which requests were carried out, by their natural key: the same request under a new delivery id, which is
not signed and can be made up, starts nothing a second time.
"""

from __future__ import annotations

from enum import Enum

from redis.asyncio import Redis

REMEMBERED_S = 30 * 86_400


class Claim(Enum):
    """What is known of a request."""

    NEW = "new"
    BEGUN = "begun"
    """It was begun and not finished: whoever did it died, or GitHub could not be reached."""
    DONE = "done"


class Claims:
    """The natural keys of requests, in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def begin(self, key: str) -> Claim:
        """Take a request up and say what was known of it."""
        # Not SET with NX and GET in one: Redis 6.2 takes them for a syntax error.
        if await self._redis.set(_key(key), Claim.BEGUN.value, nx=True, ex=REMEMBERED_S):
            return Claim.NEW
        known = await self._redis.get(_key(key))
        return Claim.NEW if known is None else Claim(known.decode())

    async def finish(self, key: str) -> None:
        """Write down that everything the request wanted is done."""
        await self._redis.set(_key(key), Claim.DONE.value, ex=REMEMBERED_S)


def _key(key: str) -> str:
    return f"swarmbot:request:{key}"
