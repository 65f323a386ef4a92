"""Who works on a job now: a key in Redis with a short life, renewed for as long as the worker lives.

arq notices a dead worker only when its longest time-out has run out, an hour and more here; a lease tells within
seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

LIFE_S = 12.0
"""How long a lease outlives its worker."""
BEAT_S = 3.0

log = structlog.get_logger()

_RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class LeaseTaken(RuntimeError):
    """Another worker works on the job."""


@asynccontextmanager
async def hold(redis: Redis, job_id: str, holder: str) -> AsyncIterator[None]:
    """Hold the lease of a job; the body is cancelled when it is lost. Raises :class:`LeaseTaken`.

    ``holder`` must be a name that no other attempt ever has.
    """
    key = lease_key(job_id)
    if not await redis.set(key, holder, nx=True, px=int(LIFE_S * 1000)):
        raise LeaseTaken(job_id)
    body = asyncio.current_task()
    beat = asyncio.create_task(_beat(redis, key, holder, body))
    try:
        yield
    finally:
        beat.cancel()
        with suppress(RedisError):  # the lease runs out by itself where Redis is gone
            await cast(Any, redis.eval(_RELEASE, 1, key, holder))


async def held(redis: Redis, job_id: str) -> bool:
    """Whether some worker holds the job."""
    return bool(await redis.exists(lease_key(job_id)))


def lease_key(job_id: str) -> str:
    """Return the key in Redis."""
    return f"swarmbot:lease:{job_id}"


async def _beat(redis: Redis, key: str, holder: str, body: asyncio.Task[Any] | None) -> None:
    last = asyncio.get_running_loop().time()
    while True:
        await asyncio.sleep(BEAT_S)
        now = asyncio.get_running_loop().time()
        try:
            renewed = await cast(Any, redis.eval(_RENEW, 1, key, holder, str(int(LIFE_S * 1000))))
            if renewed:
                last = now
        except RedisError as error:
            renewed = now - last < LIFE_S
            log.warning("lease not renewed", key=key, error=str(error))
        if not renewed and body is not None:
            log.error("lease lost", key=key)
            body.cancel()
            return
