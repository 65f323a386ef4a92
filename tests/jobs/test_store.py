"""Stories in a real Redis: begun once, written on by one hand at a time, followed to their end."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from swarmbot.core.model import Ending
from swarmbot.core.story import AttemptBegun, Ended, IllegalMove, Pushed, Queued, Said
from swarmbot.jobs.store import JobStore, StoryMoved, UnknownJob
from tests.samples import SPEC

BEGUN = AttemptBegun(1, "host:1")
REPLY, LAST = Said("reply", 3), Said("last_edit", 1)
OTHER = replace(SPEC, id="another", created_at=SPEC.created_at + 1)


class Clock:
    """A clock that goes on by one second each time that it is read."""

    def __init__(self) -> None:
        self.at = 5_000.0

    def __call__(self) -> float:
        self.at += 1
        return self.at


@pytest.fixture
def store(redis: Redis) -> JobStore:
    return JobStore(redis, now=Clock())


async def test_a_job_is_accepted_once(store: JobStore) -> None:
    assert await store.accept(SPEC)
    assert not await store.accept(SPEC)
    assert [entry.event for entry in await store.entries(SPEC.id)] == [Queued(SPEC)]
    assert await store.open_jobs() == [SPEC.id]


async def test_fifty_at_once_are_one_job(store: JobStore) -> None:
    accepted = await asyncio.gather(*(store.accept(SPEC) for _ in range(50)))
    assert sum(accepted) == 1
    assert len(await store.entries(SPEC.id)) == 1


async def test_what_is_appended_is_read_back(store: JobStore) -> None:
    await store.accept(SPEC)
    after = await store.append(await store.load(SPEC.id), BEGUN)
    assert await store.load(SPEC.id) == after
    assert (after.attempt, after.length, after.started_at) == (1, 2, 5_002.0)


async def test_who_has_not_read_the_last_page_cannot_write(store: JobStore) -> None:
    await store.accept(SPEC)
    ours = theirs = await store.load(SPEC.id)
    await store.append(theirs, AttemptBegun(1, "host:2"))
    with pytest.raises(StoryMoved):
        await store.append(ours, AttemptBegun(1, "host:1"))
    assert [type(entry.event) for entry in await store.entries(SPEC.id)] == [Queued, AttemptBegun]


async def test_of_many_writers_one_writes(store: JobStore) -> None:
    await store.accept(SPEC)
    job = await store.load(SPEC.id)
    outcomes = await asyncio.gather(
        *(store.append(job, AttemptBegun(1, f"host:{number}")) for number in range(20)), return_exceptions=True
    )
    assert sum(isinstance(outcome, StoryMoved) for outcome in outcomes) == 19
    assert len(await store.entries(SPEC.id)) == 2


async def test_the_same_page_sent_twice_is_written_once(redis: Redis) -> None:
    store = JobStore(redis, now=lambda: 7_000.0)
    await store.accept(SPEC)
    job = await store.load(SPEC.id)
    # The second time is that of a client whose first answer was lost.
    assert await store.append(job, BEGUN) == await store.append(job, BEGUN)
    assert len(await store.entries(SPEC.id)) == 2


async def test_an_illegal_move_writes_nothing(store: JobStore) -> None:
    await store.accept(SPEC)
    with pytest.raises(IllegalMove):
        await store.append(await store.load(SPEC.id), Pushed("c" * 40))
    assert len(await store.entries(SPEC.id)) == 1


async def test_a_job_stays_open_until_everybody_was_told(store: JobStore) -> None:
    await store.accept(SPEC)
    job = await store.load(SPEC.id)
    for event in (BEGUN, Ended(Ending.CANCELLED), REPLY):
        job = await store.append(job, event)
        assert await store.open_jobs() == [SPEC.id]
    await store.append(job, LAST)
    assert await store.open_jobs() == []
    assert await store.newest(5) == [SPEC.id]


async def test_the_newest_jobs_first(store: JobStore) -> None:
    await store.accept(OTHER)
    await store.accept(SPEC)
    assert await store.newest(5) == [OTHER.id, SPEC.id]
    assert await store.newest(1) == [OTHER.id]


async def test_a_job_that_there_is_not(store: JobStore) -> None:
    with pytest.raises(UnknownJob):
        await store.load("nobody")


async def test_a_story_is_followed_from_its_first_page_to_its_end(store: JobStore) -> None:
    seen: list[object] = []
    begun = asyncio.Event()

    async def follow() -> None:
        async for entry in store.follow(SPEC.id):
            seen.append(entry.event)
            begun.set()

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(follow())
        await store.accept(SPEC)
        await begun.wait()
        job = await store.load(SPEC.id)
        for event in (BEGUN, Ended(Ending.CANCELLED), REPLY, LAST):
            job = await store.append(job, event)
    assert seen == [Queued(SPEC), BEGUN, Ended(Ending.CANCELLED), REPLY, LAST]
    async with asyncio.timeout(20):
        assert len([entry async for entry in store.follow(SPEC.id)]) == 5
