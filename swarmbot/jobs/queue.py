"""The queue of jobs, on arq. Beside ``worker.py`` the only file that knows arq.

arq runs a job at least once and notices a dead worker late; the lease and the story make that safe: a job that runs a
second time finds what it has done, and one that runs twice at a time finds the lease taken.
"""

from __future__ import annotations

from typing import Any

import msgspec
from arq.connections import ArqRedis
from arq.constants import default_queue_name, in_progress_key_prefix
from redis.asyncio import Redis

FUNCTION = "run_job"
# arq's own choice is pickle, which would let whoever writes to Redis run code in the worker.
serialize = msgspec.msgpack.encode
deserialize = msgspec.msgpack.decode


def arq_redis(redis: Redis) -> ArqRedis:
    """Return arq's client on the connections of ``redis``."""
    pool: Any = redis.connection_pool
    return ArqRedis(pool_or_conn=pool, job_serializer=serialize, job_deserializer=deserialize)


class JobQueue:
    """Puts jobs into the queue; the worker takes them out."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._arq = arq_redis(redis)

    async def put(self, job_id: str) -> None:
        """Queue a job, under a new arq id each time: arq would refuse one that it has seen."""
        run = await self._redis.incr(_runs(job_id))
        await self._redis.expire(_runs(job_id), 30 * 86_400)
        await self._arq.enqueue_job(FUNCTION, job_id, _job_id=f"{job_id}:{run}")

    async def waits(self, job_id: str) -> bool:
        """Whether the job is in the queue and no worker has taken it out."""
        arq_id = await self._current(job_id)
        queued = await self._redis.zscore(default_queue_name, arq_id) is not None
        return queued and not await self._redis.exists(in_progress_key_prefix + arq_id)

    async def put_again(self, job_id: str) -> None:
        """Queue a job whose worker died, in place of its run there."""
        arq_id = await self._current(job_id)
        await self._redis.zrem(default_queue_name, arq_id)
        await self._redis.delete(in_progress_key_prefix + arq_id)
        await self.put(job_id)

    async def runs(self, job_id: str) -> int:
        """How often the job was queued."""
        return int(await self._redis.get(_runs(job_id)) or 0)

    async def _current(self, job_id: str) -> str:
        return f"{job_id}:{await self.runs(job_id)}"


def _runs(job_id: str) -> str:
    return f"swarmbot:runs:{job_id}"
