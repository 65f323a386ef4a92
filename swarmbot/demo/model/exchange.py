"""Writes the answer to one HTTP request: a JSON document, a stream of events, or nothing at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from starlette.types import Receive, Send

from swarmbot.demo.model.conversation import Json


class Exchange:
    """One request under way. ``leaving`` is set when the server closes: it ends every wait."""

    def __init__(self, receive: Receive, send: Send, leaving: asyncio.Event) -> None:
        self._receive = receive
        self._send = send
        self._leaving = leaving
        self.status = 0
        """The status that was sent; 0 while none was."""

    async def document(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        """Answer with a JSON document."""
        data = _written(body).encode(errors="replace")
        await self._start(status, "application/json", {"content-length": str(len(data)), **(headers or {})})
        await self._send({"type": "http.response.body", "body": data})

    async def stream(
        self,
        events: Iterable[Json],
        *,
        named: bool,
        last: str | None = None,
        pause_s: float = 0.0,
        hang_after: int | None = None,
    ) -> None:
        """Answer with server-sent events.

        ``named``: each says its ``type`` in a line of its own. ``last`` is the data of one more event. There is a
        pause of ``pause_s`` seconds before each; after ``hang_after`` of them nothing more comes.
        """
        await self._start(200, "text/event-stream", {"cache-control": "no-cache"})
        for n, event in enumerate(events):
            if n == hang_after:
                await self.hang()
                return
            if pause_s and await self._over(pause_s):
                return
            head = f"event: {event['type']}\n" if named else ""
            await self._chunk(f"{head}data: {_written(event)}\n\n")
        if last is not None:
            await self._chunk(f"data: {last}\n\n")
        await self._send({"type": "http.response.body", "body": b""})

    async def hang(self) -> None:
        """Say nothing more, until the program goes away; the server's own end is told with 503."""
        await self._over(None)
        if self._leaving.is_set() and not self.status:
            # uvicorn makes a 500 of a call that ends without an answer, and logs an error.
            await self.document(503, {"error": {"message": "the demo model has ended"}})

    async def _over(self, seconds: float | None) -> bool:
        """Wait for so many seconds; tell whether the program or the server went away in that time."""
        waits = [asyncio.ensure_future(self._gone()), asyncio.ensure_future(self._leaving.wait())]
        try:
            done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        return bool(done)

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _start(self, status: int, kind: str, headers: dict[str, str]) -> None:
        self.status = status
        pairs = [(name.encode(), value.encode()) for name, value in {"content-type": kind, **headers}.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})

    async def _chunk(self, text: str) -> None:
        await self._send({"type": "http.response.body", "body": text.encode(errors="replace"), "more_body": True})


def _written(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False)
