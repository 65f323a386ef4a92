"""Tells a job on GitHub while it runs and when it has ended: status comment, check run, final reply.

What was said is written to the story, so that a second attempt finds it; between saying and writing a worker can die,
so a later attempt looks on GitHub first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Literal

import structlog

from swarmbot.core import report
from swarmbot.core.story import Said
from swarmbot.github.client import Client, GitHubError, Unavailable
from swarmbot.github.reader import Written, find_check, find_comment
from swarmbot.github.writer import CHECK_NAME, Writer
from swarmbot.jobs.book import Book
from swarmbot.jobs.once import once

EDIT_EVERY_S = 15.0
CLOCKS_APART_S = 600.0
"""How far our clock may be ahead of GitHub's."""

log = structlog.get_logger()
What = Literal["status", "check", "reply", "last_edit"]


class Teller:
    """The voice of one job. ``rerun``: an earlier attempt may have said something that the story does not hold."""

    def __init__(self, book: Book, client: Client, writer: Writer, agent_title: str, *, rerun: bool) -> None:
        self._book, self._client, self._writer, self._agent = book, client, writer, agent_title
        self._rerun = rerun
        self._speaking = asyncio.Lock()

    @asynccontextmanager
    async def live_status(self) -> AsyncIterator[None]:
        """Keep the status comment up to date while the body runs, which writes the job's end; neither waits."""
        live = asyncio.create_task(self._keep_status())
        try:
            yield
        finally:
            # A comment that is on its way is waited for: cut off here, it would be written and not remembered.
            async with self._speaking:
                live.cancel()
            with suppress(asyncio.CancelledError):
                await live

    async def tell_end(self) -> None:
        """Say how the job ended, each thing once. Raises :class:`Unavailable` when GitHub stays out of reach."""
        spec, number = self._book.job.spec, self._book.job.spec.thread.number
        if self._book.job.pushed:
            await self._once("check", self._find_check, self._complete_check)
        marker = report.marker(spec.id, "reply")
        body = report.final_reply(self._book.job, self._agent)
        await self._once("reply", lambda: self._find(marker), lambda: self._writer.comment(number, body))
        await self._once("last_edit", _nothing, self._edit_status)

    async def _keep_status(self) -> None:
        marker, number = report.marker(self._book.job.spec.id), self._book.job.spec.thread.number

        async def say() -> Written:
            return await self._writer.comment(number, self._status_text())

        while not self._book.job.ending:
            async with self._speaking:
                try:
                    if "status" in self._book.job.said:
                        await self._edit_status()
                    else:
                        await self._once("status", lambda: self._find(marker), say)
                except GitHubError as error:
                    log.warning("status not told", job=self._book.job.spec.id, error=str(error))
            await asyncio.sleep(EDIT_EVERY_S)

    def _status_text(self) -> str:
        return report.status_comment(self._book.job, self._book.now(), self._agent)

    async def _edit_status(self) -> Written:
        said = self._book.job.said.get("status")
        if said and said.id:
            await self._writer.edit_comment(said.id, self._status_text)
        return Written(said.id if said else 0)

    async def _complete_check(self) -> Written:
        check = report.check_run(self._book.job, self._agent)
        return await self._writer.complete_check(
            sha=check.head_sha, conclusion=check.conclusion, title=check.title, summary=check.summary
        )

    async def _find(self, marker: str) -> Written | None:
        spec = self._book.job.spec
        since = spec.created_at - CLOCKS_APART_S
        return await find_comment(self._client, spec.repository, spec.thread.number, marker, since=since)

    async def _find_check(self) -> Written | None:
        job = self._book.job
        return await find_check(self._client, job.spec.repository, job.pushed, CHECK_NAME)

    async def _once(
        self, what: What, find: Callable[[], Awaitable[Written | None]], say: Callable[[], Awaitable[Written]]
    ) -> None:
        if what in self._book.job.said:
            return
        try:
            said = await once(find, say, look_first=self._rerun)
            await self._book.write(Said(what, said.id, said.html_url))
        except Unavailable:
            self._rerun = True  # it may have been said all the same
            raise
        except GitHubError as error:
            # A locked thread or a lost permission: said to nobody, but the end is recorded.
            log.warning("not said", what=what, job=self._book.job.spec.id, error=str(error))
            await self._book.write(Said(what, 0))


async def _nothing() -> Written | None:
    return None
