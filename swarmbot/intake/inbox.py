"""The inbox: deliveries that GitHub was told we have, in a Redis stream until dispatch has dealt with them.

Duplicate check, entry and byte count are one atomic step per delivery, and deliveries that arrive together travel in
one round trip: the client's work per call, not Redis, is what limits intake.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

log = structlog.get_logger()

STREAM = "swarmbot:inbox"
BYTES = "swarmbot:inbox:bytes"
SEEN = "swarmbot:inbox:seen:"
GROUP = "dispatch"

ENTRY_OVERHEAD = 256
"""Bytes counted for an entry beside its contents, so that a flood of tiny deliveries meets the cap as well."""
BATCH_ENTRIES, BATCH_BYTES = 256, 32 * 1024 * 1024
"""The most that one round trip carries; a single larger delivery still goes, alone."""
RETRY_PAUSE_S = 0.05
"""Pause before a round trip that found no Redis is tried again, while its callers still wait."""

# The check for a duplicate comes first: what is stored already is not refused because the inbox is full.
_ACCEPT = """
if redis.call('EXISTS', KEYS[3]) == 1 then return {'duplicate', ''} end
local size = tonumber(ARGV[5])
local held = tonumber(redis.call('GET', KEYS[2]) or '0')
if held + size > tonumber(ARGV[6]) then return {'full', tostring(held)} end
local entry = redis.call('XADD', KEYS[1], '*', 'id', ARGV[1], 'event', ARGV[2], 'at', ARGV[3], 'body', ARGV[4])
redis.call('INCRBY', KEYS[2], size)
redis.call('SET', KEYS[3], entry, 'EX', ARGV[7])
return {'accepted', entry}
"""

# An empty stream is the one moment when the count is known for sure, so a count that ever went wrong ends there.
_ACK = """
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if redis.call('XDEL', KEYS[1], ARGV[2]) == 0 then return 0 end
if redis.call('XLEN', KEYS[1]) == 0 or redis.call('DECRBY', KEYS[2], ARGV[3]) < 0 then
  redis.call('DEL', KEYS[2])
end
return 1
"""


class InboxFull(Exception):
    """The inbox holds as many bytes as it may; the delivery was not stored."""


class InboxUnavailable(Exception):
    """Redis did not confirm in time. The delivery may be stored or not; sending it again is safe."""


class Delivery(msgspec.Struct, frozen=True):
    """One webhook delivery as GitHub sent it."""

    id: str
    """`X-GitHub-Delivery`, the same when GitHub delivers it again."""
    event: str
    """`X-GitHub-Event`, such as `issue_comment`."""
    body: bytes
    """The raw JSON whose signature was checked."""
    received_at: float
    """Unix time in seconds."""

    @property
    def size(self) -> int:
        """Bytes that this delivery counts for in the inbox."""
        return len(self.body) + len(self.id) + len(self.event) + ENTRY_OVERHEAD


class Accepted(msgspec.Struct, frozen=True):
    """The delivery was stored, as this entry of the stream."""

    entry_id: str


class Duplicate(msgspec.Struct, frozen=True):
    """A delivery of this id was accepted before; nothing was stored."""


class Entry(msgspec.Struct, frozen=True):
    """A delivery in the stream, to be acknowledged under its entry id."""

    id: str
    delivery: Delivery


class Depth(msgspec.Struct, frozen=True):
    """What waits in the inbox, those being worked on included."""

    entries: int
    bytes: int


class _Waiting(msgspec.Struct, frozen=True):
    delivery: Delivery
    outcome: asyncio.Future[Accepted | Duplicate]


class Inbox:
    """The stream of accepted deliveries on ``redis`` (a client that does not decode answers).

    ``remember_s``: how long a delivery id is known as a duplicate; GitHub redelivers for 3 days, Enterprise Server
    for 7. ``max_bytes``: cap on all that is held. ``patience_s``: how long `accept` waits for Redis, which covers a
    restart of the embedded server.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        remember_s: int = 259_200,
        max_bytes: int = 256 * 1024 * 1024,
        patience_s: float = 2.0,
    ) -> None:
        self._redis = redis
        self._remove = redis.register_script(_ACK)
        self._remember_s = remember_s
        self._max_bytes = max_bytes
        self._patience_s = patience_s
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._last_error = "no answer"

    async def accept(self, delivery: Delivery) -> Accepted | Duplicate:
        """Store ``delivery`` unless its id is known; returns when Redis has confirmed.

        Raises `InboxFull` or `InboxUnavailable`. After the latter the same delivery may be offered again.
        """
        outcome: asyncio.Future[Accepted | Duplicate] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(delivery, outcome))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_waiting())
        try:
            async with asyncio.timeout(self._patience_s):
                return await outcome
        except TimeoutError:
            raise InboxUnavailable(
                f"Redis did not confirm the delivery within {self._patience_s:g} s ({self._last_error})"
            ) from None

    async def _write_waiting(self) -> None:
        """Write what waits, one batch at a time; what arrives during a round trip makes the next batch."""
        while batch := self._next_batch():
            try:
                async with asyncio.timeout(self._patience_s):
                    answers = await self._send(batch)
            except (RedisError, OSError, TimeoutError) as error:
                # Trying again is safe even if the first try arrived: the ids are remembered in the same atomic
                # step. The callers' own patience ends this.
                self._last_error = f"{type(error).__name__}: {error}"
                self._waiting[:0] = batch
                await asyncio.sleep(RETRY_PAUSE_S)
                continue
            for waiting, answer in zip(batch, answers, strict=True):
                if not waiting.outcome.done():
                    _settle(waiting.outcome, answer, self._max_bytes)

    def _next_batch(self) -> list[_Waiting]:
        """Take the oldest that still have a caller, as many as one round trip may carry."""
        open_ones = [waiting for waiting in self._waiting if not waiting.outcome.done()]
        size, count = 0, 0
        for waiting in open_ones[:BATCH_ENTRIES]:
            size += waiting.delivery.size
            if count and size > BATCH_BYTES:
                break
            count += 1
        self._waiting = open_ones[count:]
        return open_ones[:count]

    async def _send(self, batch: list[_Waiting]) -> list[Any]:
        # A transaction, so that the batch is one write and one fsync. Redis reads 16 KB at a time, and without it
        # runs and syncs what each piece completes: with bodies of 10 KB that is one sync per delivery.
        async with self._redis.pipeline(transaction=True) as pipeline:
            for delivery in (waiting.delivery for waiting in batch):
                keys = (STREAM, BYTES, SEEN + delivery.id)
                fields = (delivery.id, delivery.event, repr(delivery.received_at), delivery.body)
                limits = (delivery.size, self._max_bytes, self._remember_s)
                # The text and not its hash: a few hundred bytes more, and no second way when Redis forgot the script.
                pipeline.execute_command("EVAL", _ACCEPT, len(keys), *keys, *fields, *limits)
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
            return answers

    async def read(self, consumer: str, *, count: int, block_ms: int) -> list[Entry]:
        """Return up to ``count`` entries that no consumer was given yet, oldest first; none after ``block_ms``.

        ``block_ms`` 0 returns at once; keep it below the client's socket timeout. Raises `InboxUnavailable`.
        """
        try:
            try:
                return await self._read_new(consumer, count, block_ms)
            except ResponseError as error:
                if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                    raise
                await self._create_group()
                return await self._read_new(consumer, count, block_ms)
        except (RedisError, OSError) as error:
            raise _unavailable("read", error) from error

    async def _read_new(self, consumer: str, count: int, block_ms: int) -> list[Entry]:
        streams = await self._redis.xreadgroup(GROUP, consumer, {STREAM: b">"}, count=count, block=block_ms or None)
        return [_entry(entry_id, fields) for _, entries in streams for entry_id, fields in entries]

    async def _create_group(self) -> None:
        # From the beginning: what was accepted before the first worker ever ran is to be read as well.
        with contextlib.suppress(ResponseError):  # BUSYGROUP: another consumer was faster
            await self._redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)

    async def claim_stale(self, consumer: str, min_idle_ms: int, *, count: int = 16) -> list[Entry]:
        """Take over up to ``count`` entries that were given to a consumer at least ``min_idle_ms`` ago, unacknowledged.

        Raises `InboxUnavailable`.
        """
        try:
            return await self._claim(consumer, min_idle_ms, count)
        except ResponseError as error:
            if str(error).startswith("NOGROUP"):
                return []
            raise _unavailable("claim entries", error) from error
        except (RedisError, OSError) as error:
            raise _unavailable("claim entries", error) from error

    async def touch(self, consumer: str, entry_ids: list[str]) -> None:
        """Say that ``consumer`` still works on these entries, so that nobody claims them. Raises `InboxUnavailable`."""
        if not entry_ids:
            return
        try:
            await self._redis.xclaim(STREAM, GROUP, consumer, 0, list(entry_ids), justid=True)
        except (RedisError, OSError) as error:
            raise _unavailable("keep entries", error) from error

    async def _claim(self, consumer: str, min_idle_ms: int, count: int) -> list[Entry]:
        cursor, entries = b"0-0", []
        while True:
            # Redis looks at ten times `count` entries a call, so an empty answer with a cursor is not the end.
            answer = await self._redis.xautoclaim(STREAM, GROUP, consumer, min_idle_ms, start_id=cursor, count=count)
            cursor, claimed = answer[0], answer[1]
            entries = [_entry(entry_id, fields) for entry_id, fields in claimed if entry_id is not None]
            if len(entries) < len(claimed):
                await self._forget_deleted(consumer)
            if entries or cursor == b"0-0":
                return entries

    async def _forget_deleted(self, consumer: str) -> None:
        """Drop pending entries whose contents are gone. Redis 6.2 hands those out for ever; 7 drops them itself."""
        pending = await self._redis.xpending_range(STREAM, GROUP, "-", "+", 1000, consumername=consumer)
        for entry_id in (item["message_id"] for item in pending):
            if not await self._redis.xrange(STREAM, entry_id, entry_id, count=1):
                await self._redis.xack(STREAM, GROUP, entry_id)
                log.warning("an unacknowledged inbox entry was deleted by somebody else", entry=entry_id.decode())

    async def ack(self, entry: Entry) -> None:
        """Remove ``entry``, dealt with, from the inbox. Doing it twice changes nothing. Raises `InboxUnavailable`."""
        try:
            await self._remove(keys=[STREAM, BYTES], args=[GROUP, entry.id, entry.delivery.size])
        except (RedisError, OSError) as error:
            raise _unavailable("acknowledge an entry", error) from error

    async def depth(self) -> Depth:
        """Return how many entries and bytes the inbox holds. Raises `InboxUnavailable`."""
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.xlen(STREAM)
                pipeline.get(BYTES)
                entries, held = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise _unavailable("measure the inbox", error) from error
        return Depth(entries=entries, bytes=int(held or 0))


def _settle(outcome: asyncio.Future[Accepted | Duplicate], answer: Any, max_bytes: int) -> None:
    if isinstance(answer, Exception):
        outcome.set_exception(_unavailable("store the delivery", answer))
        return
    kind, detail = answer
    if kind == b"accepted":
        outcome.set_result(Accepted(detail.decode()))
    elif kind == b"duplicate":
        outcome.set_result(Duplicate())
    else:
        full = f"the inbox holds {detail.decode()} of {max_bytes} bytes: see that a worker runs and takes from it"
        outcome.set_exception(InboxFull(full))


def _unavailable(doing: str, error: Exception) -> InboxUnavailable:
    return InboxUnavailable(f"Redis could not {doing} ({type(error).__name__}: {error})")


def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> Entry:
    delivery = Delivery(
        id=fields[b"id"].decode(),
        event=fields[b"event"].decode(),
        body=fields[b"body"],
        received_at=float(fields[b"at"]),
    )
    return Entry(entry_id.decode(), delivery)
