"""Keeps the stories of jobs in Redis: one stream of events a job, and two indexes.

Keys: ``swarmbot:job:<id>`` (stream), ``swarmbot:jobs`` (all, by the moment of creation) and ``swarmbot:open`` (those
that are not settled: ended, and everybody told).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import msgspec
from redis.asyncio import Redis

from swarmbot.core import story
from swarmbot.core.model import JobSpec

JOBS, OPEN = "swarmbot:jobs", "swarmbot:open"

_ACCEPT = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('XADD', KEYS[1], '*', 'e', ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[3])
redis.call('SADD', KEYS[3], ARGV[3])
return 1
"""

_APPEND = """
local length = redis.call('XLEN', KEYS[1])
if length == tonumber(ARGV[1]) then
  redis.call('XADD', KEYS[1], '*', 'e', ARGV[2])
  return 1
end
if length == tonumber(ARGV[1]) + 1 then
  local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
  if last[1][2][2] == ARGV[2] then return 1 end
end
return 0
"""


class StoryMoved(RuntimeError):
    """Somebody else wrote to the story in the meantime; nothing was written."""


class UnknownJob(LookupError):
    """There is no job of that id."""


class JobStore:
    """The stories of all jobs. ``now`` gives unix seconds."""

    def __init__(self, redis: Redis, now: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self.now = now

    async def accept(self, spec: JobSpec) -> bool:
        """Begin the story of a job, in one atomic call; False when it had begun before."""
        entry = story.Entry(self.now(), story.Queued(spec))
        keys = [_key(spec.id), JOBS, OPEN]
        arguments: list[Any] = [msgspec.json.encode(entry), spec.created_at, spec.id]
        return bool(await cast(Any, self._redis.eval(_ACCEPT, 3, *keys, *arguments)))

    async def append(self, job: story.Job, event: story.Event) -> story.Job:
        """Write one more event and return the job after it; sent twice (a lost answer), it is written once.

        Raises :class:`~swarmbot.core.story.IllegalMove` before anything is written, and :class:`StoryMoved` when
        ``job`` is not the story's present end: two writers never interleave.
        """
        entry = story.Entry(self.now(), event)
        after = story.apply(job, entry)
        arguments: list[Any] = [job.length, msgspec.json.encode(entry)]
        if not await cast(Any, self._redis.eval(_APPEND, 1, _key(job.spec.id), *arguments)):
            raise StoryMoved(job.spec.id)
        if after.settled:
            await cast(Any, self._redis.srem(OPEN, job.spec.id))
        return after

    async def load(self, job_id: str) -> story.Job:
        """Fold a job from its events. Raises :class:`UnknownJob`."""
        return story.fold(await self.entries(job_id))

    async def entries(self, job_id: str) -> list[story.Entry]:
        """Return the events of a job in their order. Raises :class:`UnknownJob`."""
        rows = await self._redis.xrange(_key(job_id))
        if not rows:
            raise UnknownJob(job_id)
        return [msgspec.json.decode(fields[b"e"], type=story.Entry) for _, fields in rows]

    async def follow(self, job_id: str) -> AsyncIterator[story.Entry]:
        """Give the events of a job from the first on, new ones as they happen; ends when the job is settled.

        Waits for a job that there is not yet.
        """
        job: story.Job | None = None
        seen: Any = "0"
        while job is None or not job.settled:
            for _, rows in await self._redis.xread({_key(job_id): seen}, block=1000) or []:
                seen = rows[-1][0]
                for _, fields in rows:
                    entry = msgspec.json.decode(fields[b"e"], type=story.Entry)
                    job = story.fold([entry]) if job is None else story.apply(job, entry)
                    yield entry

    async def open_jobs(self) -> list[str]:
        """Return the ids of the jobs that are not settled."""
        return sorted(found.decode() for found in await cast(Any, self._redis.smembers(OPEN)))

    async def newest(self, count: int) -> list[str]:
        """Return the ids of the newest jobs, newest first."""
        return [found.decode() for found in await self._redis.zrevrange(JOBS, 0, count - 1)]


def _key(job_id: str) -> str:
    return f"swarmbot:job:{job_id}"
