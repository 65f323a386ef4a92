"""Takes deliveries out of the inbox and turns each into what its commands want done.

Gather, decide, perform: a reader makes a request of the payload, the facts are asked for, the commands decide, and
the effects are carried out. A delivery is acknowledged when all of that is done; until then it is taken up again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from redis.exceptions import RedisError

from swarmbot import commands, events
from swarmbot.core import grammar
from swarmbot.core.model import Request
from swarmbot.core.policy import AgentFact, Facts
from swarmbot.github import reader
from swarmbot.github.app import GitHubApp
from swarmbot.github.client import Client, GitHubError, NotPermitted, Unavailable
from swarmbot.github.writer import Lanes, Writer
from swarmbot.intake.claims import Claim, Claims
from swarmbot.intake.inbox import Delivery, Entry, Inbox, InboxUnavailable
from swarmbot.intake.perform import StartsJob, perform
from swarmbot.jobs.connection import AGAIN_S

log = structlog.get_logger()

AT_ONCE = 16
"""Deliveries in hand at the same time; those of one thread follow one another."""
STALE_S = 12.0
"""A delivery that was read so long ago and not acknowledged: its dispatcher died, or it was put off and is due."""
GIVE_UP_S = 3600.0
"""GitHub out of reach for so long loses a command, and the log says so."""


@dataclass(frozen=True)
class _Hands:
    """What is in hand: places left, entries, and the last task of each thread."""

    places: asyncio.Semaphore
    entries: set[str] = field(default_factory=set)
    threads: dict[str, asyncio.Task[None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Dispatcher:
    """Everything that dispatch needs. ``agents`` is asked at each command: an agent just installed counts."""

    inbox: Inbox
    claims: Claims
    github: GitHubApp
    lanes: Lanes
    start_job: StartsJob
    agents: Callable[[], tuple[AgentFact, ...]]
    default_agent: str
    app_slug: str
    redact: Callable[[str], str]
    consumer: str

    async def run(self) -> None:
        """Deal with deliveries until cancelled; Redis may come and go."""
        hands = _Hands(asyncio.Semaphore(AT_ONCE))
        stale_at = touch_at = 0.0
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    if time.monotonic() >= touch_at:
                        # Slow is not dead: what is in hand stays ours.
                        await self.inbox.touch(self.consumer, sorted(hands.entries))
                        touch_at = time.monotonic() + STALE_S / 3
                    entries = await self.inbox.read(self.consumer, count=AT_ONCE, block_ms=500)
                    if time.monotonic() >= stale_at:
                        entries += await self.inbox.claim_stale(self.consumer, int(STALE_S * 1000))
                        stale_at = time.monotonic() + STALE_S / 3
                except InboxUnavailable as error:
                    log.warning("inbox not readable", error=str(error))
                    await asyncio.sleep(AGAIN_S)
                    continue
                for entry in entries:
                    if entry.id not in hands.entries:
                        await self._take(entry, hands, group)

    async def _take(self, entry: Entry, hands: _Hands, group: asyncio.TaskGroup) -> None:
        request, invocations = self._read(entry.delivery)
        if request is None:
            await self._ack(entry)
            return
        await hands.places.acquire()
        hands.entries.add(entry.id)
        thread = f"{request.repository.id}#{request.thread.number}"
        task = group.create_task(self._in_order(entry, request, invocations, hands.threads.get(thread)))
        hands.threads[thread] = task

        def put_down(done: asyncio.Task[None]) -> None:
            hands.places.release()
            hands.entries.discard(entry.id)
            if hands.threads.get(thread) is done:
                del hands.threads[thread]

        task.add_done_callback(put_down)

    async def _in_order(
        self,
        entry: Entry,
        request: Request,
        invocations: list[grammar.Invocation],
        before: asyncio.Task[None] | None,
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            await self.handle(request, invocations)
            await self._ack(entry)
        except Unavailable as error:
            await self._put_off(entry, error)
        except RedisError as error:
            # Gone, full or read-only: what was accepted waits until Redis takes writes again.
            log.warning("delivery waits for Redis", delivery=entry.delivery.id, error=str(error))
        except Exception:
            # One delivery that nobody foresaw must not stop the others; it is not tried again.
            log.exception("delivery failed", delivery=entry.delivery.id, github_event=entry.delivery.event)
            await self._ack(entry)

    async def _ack(self, entry: Entry) -> None:
        """Take a delivery off the inbox; where Redis is away it comes again, and its claim says that it is done."""
        try:
            await self.inbox.ack(entry)
        except InboxUnavailable as error:
            log.warning("delivery not acknowledged", delivery=entry.delivery.id, error=str(error))

    async def _put_off(self, entry: Entry, error: GitHubError) -> None:
        age = time.time() - entry.delivery.received_at
        if age < GIVE_UP_S:
            log.warning("delivery put off", delivery=entry.delivery.id, error=str(error))
            return
        log.error("delivery given up", delivery=entry.delivery.id, age_s=round(age), error=str(error))
        await self._ack(entry)

    def _read(self, delivery: Delivery) -> tuple[Request | None, list[grammar.Invocation]]:
        """Return the request in a delivery and its commands; a delivery without a command leaves no trace."""
        read = events.ALL.get(delivery.event)
        try:
            request = read(delivery.body, delivery.id) if read else None
        except events.Malformed as error:
            log.warning("payload does not fit", delivery=delivery.id, github_event=delivery.event, error=str(error))
            return None, []
        invocations = grammar.find(request.text, self.app_slug) if request else []
        return (request, invocations) if invocations else (None, [])

    async def handle(self, request: Request, invocations: list[grammar.Invocation]) -> None:
        """Decide and carry out one request. Raises :class:`~swarmbot.github.client.Unavailable` to be called again."""
        claim = await self.claims.begin(request.key)
        if claim is Claim.DONE:
            return
        try:
            client = await self.github.installation(request.repository.installation_id)
        except Unavailable:
            raise
        except GitHubError as error:
            log.warning("no access", repository=request.repository.full_name, error=str(error))
            return
        facts = Facts(
            permission=await self._permission(client, request),
            agents=self.agents(),
            default_agent=self.default_agent,
            app_slug=self.app_slug,
            now=time.time(),
        )
        effects = commands.decide(request, invocations, facts)
        lane = self.lanes.of(request.repository.installation_id)
        writer = Writer(client, request.repository, lane, self.redact)
        again = claim is Claim.BEGUN
        await perform(effects, request, client=client, writer=writer, start_job=self.start_job, again=again)
        await self.claims.finish(request.key)

    async def _permission(self, client: Client, request: Request) -> str:
        try:
            return await reader.permission(client, request.repository, request.sender.login)
        except NotPermitted as error:
            log.warning("permission not told", repository=request.repository.full_name, error=str(error))
            return "none"
