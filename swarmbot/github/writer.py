"""Says things on GitHub: one write at a time for an installation, the important ones first, at GitHub's pace.

GitHub wants writes one after another and about a second apart (docs.github.com, "Best practices for using the REST
API"); a short burst is fine. Everything that is said goes through the redactor here, and nowhere else.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import Any, TypeVar

from swarmbot.core.model import Repository
from swarmbot.github.client import Client, Nothing
from swarmbot.github.reader import Pull, Written

BURST = 5
EVERY_S = 1.0
CHECK_NAME = "swarmbot"

T = TypeVar("T")


class Priority(IntEnum):
    """What goes first when several writes wait."""

    REACTION = 0
    QUESTION = 1
    PULL = 2
    CHECK = 3
    REPLY = 4
    EDIT = 5


class Lane:
    """The writes of one installation: serial, by priority, through a token bucket."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, Callable[[], Awaitable[Any]], asyncio.Future[Any]]] = []
        self._order = itertools.count()
        self._runner: asyncio.Task[None] | None = None
        self._tokens, self._filled_at = float(BURST), 0.0

    async def submit(self, priority: Priority, write: Callable[[], Awaitable[T]]) -> T:
        """Wait for the turn, write, and return what the write returned or raise what it raised."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), write, done))
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await done

    async def _run(self) -> None:
        while self._waiting:
            await self._pace()
            _, _, write, done = heapq.heappop(self._waiting)
            if done.cancelled():
                continue
            self._tokens -= 1
            try:
                result = await write()
            except Exception as error:
                if not done.cancelled():
                    done.set_exception(error)
            else:
                if not done.cancelled():
                    done.set_result(result)

    async def _pace(self) -> None:
        now = asyncio.get_running_loop().time()
        self._tokens = min(BURST, self._tokens + (now - self._filled_at) / EVERY_S)
        self._filled_at = now
        if self._tokens < 1:
            wait = (1 - self._tokens) * EVERY_S
            await asyncio.sleep(wait)
            self._tokens, self._filled_at = 1.0, asyncio.get_running_loop().time()


class Lanes:
    """One lane an installation, for all that this process writes."""

    def __init__(self) -> None:
        self._lanes: dict[int, Lane] = {}

    def of(self, installation_id: int) -> Lane:
        """Return the lane of an installation."""
        return self._lanes.setdefault(installation_id, Lane())


class Writer:
    """Writes to one repository. Every method raises a ``GitHubError``; every text is redacted first."""

    def __init__(self, client: Client, repository: Repository, lane: Lane, redact: Callable[[str], str]) -> None:
        self._client, self._lane, self._redact = client, lane, redact
        self._repo = f"/repos/{repository.full_name}"

    async def react(self, number: int, comment_id: int | None, content: str) -> None:
        """Put a reaction on a comment, or on the issue itself; one that is there already stays."""
        where = f"issues/comments/{comment_id}" if comment_id is not None else f"issues/{number}"
        await self._write(Priority.REACTION, "POST", f"{where}/reactions", Nothing, {"content": content})

    async def comment(self, number: int, body: str) -> Written:
        """Write a comment on an issue or a pull request."""
        path = f"issues/{number}/comments"
        return await self._write(Priority.REPLY, "POST", path, Written, {"body": self._redact(body)})

    async def edit_comment(self, comment_id: int, body: Callable[[], str]) -> None:
        """Replace a comment; ``body`` is asked when the turn has come, so that the newest text is written."""

        async def write() -> None:
            path = f"{self._repo}/issues/comments/{comment_id}"
            await self._client.call("PATCH", path, Nothing, {"body": self._redact(body())})

        await self._lane.submit(Priority.EDIT, write)

    async def open_pull(self, *, title: str, body: str, head: str, base: str) -> Pull:
        """Open a pull request and return it with the head that GitHub has for it."""
        request = {"title": self._redact(title), "body": self._redact(body), "head": head, "base": base}
        return await self._write(Priority.PULL, "POST", "pulls", Pull, request)

    async def complete_check(self, *, sha: str, conclusion: str, title: str, summary: str) -> Written:
        """Create a check run that is completed."""
        output = {"title": self._redact(title), "summary": self._redact(summary)}
        request = {
            "name": CHECK_NAME,
            "head_sha": sha,
            "status": "completed",
            "conclusion": conclusion,
            "output": output,
        }
        return await self._write(Priority.CHECK, "POST", "check-runs", Written, request)

    async def _write(self, priority: Priority, method: str, path: str, kind: type[T], body: object) -> T:
        return await self._lane.submit(priority, lambda: self._client.call(method, f"{self._repo}/{path}", kind, body))
