"""The inbox on a real Redis: stored once, taken by one, gone once acknowledged, and bounded."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from redis.asyncio import Redis

from swarmbot.intake.inbox import Accepted, Delivery, Depth, Duplicate, Inbox, InboxFull, InboxUnavailable
from swarmbot.jobs.embedded_redis import EmbeddedRedis


def delivery(number: int, body: bytes = b"{}") -> Delivery:
    return Delivery(id=f"d-{number:04}", event="issues", body=body, received_at=1_700_000_000.25)


@pytest.fixture
def inbox(redis: Redis) -> Inbox:
    return Inbox(redis)


async def test_what_was_accepted_is_read_as_it_came(inbox: Inbox) -> None:
    sent = delivery(1, bytes(range(256)) + b"\r\n\xff")
    accepted = await inbox.accept(sent)
    assert isinstance(accepted, Accepted)
    [entry] = await inbox.read("a", count=10, block_ms=0)
    assert entry.delivery == sent
    assert entry.id == accepted.entry_id


async def test_fifty_at_once_of_one_delivery_are_stored_once(inbox: Inbox) -> None:
    outcomes = await asyncio.gather(*(inbox.accept(delivery(1)) for _ in range(50)))
    assert sum(isinstance(outcome, Accepted) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Duplicate) for outcome in outcomes) == 49
    assert (await inbox.depth()).entries == 1


async def test_a_delivery_id_is_remembered_after_the_entry_is_gone(inbox: Inbox, redis: Redis) -> None:
    await inbox.accept(delivery(1))
    [entry] = await inbox.read("a", count=1, block_ms=0)
    await inbox.ack(entry)
    assert await inbox.accept(delivery(1)) == Duplicate()
    [seen] = await redis.keys("swarmbot:inbox:seen:*")
    assert 259_100 < await redis.ttl(seen) <= 259_200


async def test_deliveries_that_arrive_together_share_round_trips(inbox: Inbox, redis: Redis) -> None:
    async def answers_written() -> int:
        return int((await redis.info("stats"))["total_writes_processed"])

    await inbox.accept(delivery(0))
    before = await answers_written()
    await asyncio.gather(*(inbox.accept(delivery(number)) for number in range(1, 101)))
    # Redis answers once per batch that it reads (in pieces of 16 KB); one by one it would be a hundred.
    assert await answers_written() - before < 20
    assert (await inbox.depth()).entries == 101


async def test_large_deliveries_go_in_batches_of_their_own(inbox: Inbox) -> None:
    body = b"x" * (20 * 1024 * 1024)
    await asyncio.gather(*(inbox.accept(delivery(number, body)) for number in range(3)))
    assert (await inbox.depth()).entries == 3


async def test_a_full_inbox_refuses_and_acknowledging_makes_room(redis: Redis) -> None:
    body = b"x" * 1000
    inbox = Inbox(redis, max_bytes=2 * delivery(0, body).size)
    await inbox.accept(delivery(1, body))
    await inbox.accept(delivery(2, body))
    with pytest.raises(InboxFull, match="a worker runs"):
        await inbox.accept(delivery(3, body))
    # What is known already is no news, however full it is.
    assert await inbox.accept(delivery(2, body)) == Duplicate()
    first, _ = await inbox.read("a", count=2, block_ms=0)
    await inbox.ack(first)
    assert isinstance(await inbox.accept(delivery(3, body)), Accepted)


async def test_acknowledging_frees_entries_and_bytes_and_twice_is_once(inbox: Inbox) -> None:
    await inbox.accept(delivery(1, b"x" * 100))
    await inbox.accept(delivery(2, b"x" * 50))
    first, second = await inbox.read("a", count=2, block_ms=0)
    for _ in range(2):
        await inbox.ack(first)
        assert await inbox.depth() == Depth(entries=1, bytes=second.delivery.size)
    await inbox.ack(second)
    assert await inbox.depth() == Depth(entries=0, bytes=0)


async def test_two_consumers_never_get_the_same_entry(inbox: Inbox) -> None:
    await asyncio.gather(*(inbox.accept(delivery(number)) for number in range(10)))
    ours = await inbox.read("a", count=6, block_ms=0)
    theirs = await inbox.read("b", count=6, block_ms=0)
    assert len(ours) == 6
    assert {entry.id for entry in ours}.isdisjoint(entry.id for entry in theirs)
    assert len(theirs) == 4


async def test_a_waiting_reader_is_woken_by_a_delivery(inbox: Inbox) -> None:
    assert await inbox.read("a", count=1, block_ms=1) == []
    reading = asyncio.create_task(inbox.read("a", count=1, block_ms=20_000))
    await inbox.accept(delivery(1))
    [entry] = await asyncio.wait_for(reading, 10)
    assert entry.delivery.id == "d-0001"


async def test_reading_goes_on_after_redis_was_emptied(inbox: Inbox, redis: Redis) -> None:
    await inbox.read("a", count=1, block_ms=0)
    await redis.flushall()
    assert await inbox.claim_stale("a", 0) == []
    await inbox.accept(delivery(1))
    [entry] = await inbox.read("a", count=1, block_ms=0)
    await redis.flushall()
    await inbox.ack(entry)
    assert await inbox.depth() == Depth(entries=0, bytes=0)


async def test_what_a_dead_consumer_left_is_taken_over(inbox: Inbox) -> None:
    await asyncio.gather(*(inbox.accept(delivery(number)) for number in range(3)))
    left = await inbox.read("dead", count=3, block_ms=0)
    assert await inbox.claim_stale("alive", 60_000) == []
    assert await inbox.claim_stale("alive", 0) == left
    assert await inbox.read("alive", count=3, block_ms=0) == []


async def test_stale_entries_behind_many_fresh_ones_are_found(inbox: Inbox, redis: Redis) -> None:
    await asyncio.gather(*(inbox.accept(delivery(number)) for number in range(60)))
    entries = await inbox.read("busy", count=60, block_ms=0)
    # Only the last one has been idle for long; with count 1 Redis looks at ten a call.
    await redis.xclaim("swarmbot:inbox", "dispatch", "dead", 0, [entries[-1].id], idle=600_000)
    assert await inbox.claim_stale("alive", 60_000, count=1) == [entries[-1]]


async def test_an_entry_deleted_by_another_hand_is_not_handed_out_for_ever(inbox: Inbox, redis: Redis) -> None:
    await asyncio.gather(*(inbox.accept(delivery(number)) for number in range(2)))
    gone, kept = await inbox.read("dead", count=2, block_ms=0)
    await redis.xdel("swarmbot:inbox", gone.id)
    assert await inbox.claim_stale("alive", 0) == [kept]
    assert (await redis.xpending("swarmbot:inbox", "dispatch"))["pending"] == 1


async def test_kill_9_of_redis_loses_nothing_accepted_and_a_restart_is_waited_for(
    own_redis_server: EmbeddedRedis,
) -> None:
    watching = asyncio.create_task(own_redis_server.watch())
    async with Redis.from_url(own_redis_server.url) as client:
        inbox = Inbox(client, patience_s=20)
        for number in range(6):
            if number in (2, 4):
                assert own_redis_server.pid
                os.kill(own_redis_server.pid, signal.SIGKILL)
            assert isinstance(await inbox.accept(delivery(number)), Accepted)
        entries = await inbox.read("a", count=10, block_ms=0)
        assert [entry.delivery.id for entry in entries] == [f"d-{number:04}" for number in range(6)]
    await own_redis_server.stop()
    await watching


async def test_without_redis_everything_says_so_by_name_and_in_time(tmp_path: Path) -> None:
    async with Redis(unix_socket_path=str(tmp_path / "nobody.sock")) as client:
        inbox = Inbox(client, patience_s=0.2)
        outcomes = await asyncio.wait_for(
            asyncio.gather(*(inbox.accept(delivery(number)) for number in range(20)), return_exceptions=True), 10
        )
        assert {type(outcome) for outcome in outcomes} == {InboxUnavailable}
        assert "nobody.sock" in str(outcomes[0])
        for attempt in (inbox.read("a", count=1, block_ms=0), inbox.claim_stale("a", 0), inbox.depth()):
            with pytest.raises(InboxUnavailable):
                await attempt


async def test_a_redis_that_hangs_is_unavailable_and_a_retry_is_no_second_delivery(
    own_redis_server: EmbeddedRedis,
) -> None:
    async with Redis.from_url(own_redis_server.url) as client:
        inbox = Inbox(client, patience_s=0.3)
        await inbox.accept(delivery(0))
        assert own_redis_server.pid
        os.kill(own_redis_server.pid, signal.SIGSTOP)
        with pytest.raises(InboxUnavailable):
            await inbox.accept(delivery(1))
        os.kill(own_redis_server.pid, signal.SIGCONT)
        # The first try lay in the socket and is carried out now, or it never came: one entry either way.
        await inbox.accept(delivery(1))
        assert (await inbox.depth()).entries == 2


async def test_an_error_of_redis_reaches_the_caller_at_once(inbox: Inbox, redis: Redis) -> None:
    await redis.set("swarmbot:inbox", "not a stream")
    with pytest.raises(InboxUnavailable, match="WRONGTYPE"):
        await inbox.accept(delivery(1))
    await redis.delete("swarmbot:inbox")
    assert isinstance(await inbox.accept(delivery(1)), Accepted)
