"""One job while it is worked on: the job as it stands now, and the one way to write on."""

from __future__ import annotations

import asyncio

from swarmbot.core.model import Ending, Failure
from swarmbot.core.story import Event, Job
from swarmbot.jobs.store import JobStore


class JobFailed(Exception):
    """The job cannot go on; carries its end. ``cause`` and ``do`` are sentences for people."""

    def __init__(
        self,
        kind: str,
        cause: str,
        do: str = "",
        *,
        ending: Ending = Ending.FAILED,
        lines: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"{kind}: {cause}")
        self.ending = ending
        self.failure = Failure(kind, cause, do, lines)


class Book:
    """The story of one job, open at its last page.

    Several tasks may write; what each writes is checked against the job as the one before left it.
    """

    def __init__(self, store: JobStore, job: Job) -> None:
        self._store, self.job = store, job
        self._pen = asyncio.Lock()

    async def write(self, event: Event) -> Job:
        """Append an event and return the job after it. Raises :class:`~swarmbot.core.story.IllegalMove`."""
        async with self._pen:
            self.job = await self._store.append(self.job, event)
            return self.job

    def now(self) -> float:
        """Return the moment, in unix seconds, by the clock that the story is written with."""
        return self._store.now()
