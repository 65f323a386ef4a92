"""The web server on a real socket: its pages, and the hook in front of senders that are slow, long, or gone."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from starlette.types import ASGIApp, Receive, Scope, Send

from swarmbot.intake.hook import Hook
from swarmbot.intake.inbox import Inbox
from swarmbot.web.app import AddressInUse, create_app, serve

SECRET = b"secret"
MAX_BODY = 1_000_000


class Served:
    """An application on a port of loopback."""

    def __init__(self, port: int, task: asyncio.Task[None]) -> None:
        self.port = port
        self.task = task
        self.url = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait({self.task}, timeout=30)
        assert self.task.cancelled()

    async def talk(self, *parts: bytes, end: bool = False) -> bytes:
        """Send raw bytes and return all that comes back until the server closes (within 20 s)."""
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                if end:
                    writer.write_eof()
                return await reader.read()
            finally:
                writer.close()
                await writer.wait_closed()


async def served(app: ASGIApp) -> Served:
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(app, "127.0.0.1", 0, port.set_result))
    either: set[asyncio.Future[Any]] = {task, port}
    await asyncio.wait(either, timeout=20, return_when=asyncio.FIRST_COMPLETED)
    return Served(port.result(), task)


@pytest.fixture
async def bot(redis: Redis) -> AsyncIterator[Served]:
    hook = Hook(Inbox(redis), [SECRET], frozenset({"issues"}), max_body=MAX_BODY, body_s=0.3, linger_s=0.5)
    made = await served(create_app(hook, redis))
    yield made
    await made.stop()


def head(body: bytes, *, length: int | None = None, signed: bool = True) -> bytes:
    """The request line and headers of a delivery of ``body``, announced as ``length`` bytes."""
    signature = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    lines = [
        "POST /webhook HTTP/1.1",
        "Host: bot",
        "Content-Type: application/json",
        "X-GitHub-Event: issues",
        "X-GitHub-Delivery: one",
        *([f"X-Hub-Signature-256: sha256={signature}"] if signed else []),
        f"Content-Length: {len(body) if length is None else length}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def test_a_delivery_over_the_wire(bot: Served, redis: Redis) -> None:
    body = b'{"action": "opened"}'
    async with httpx.AsyncClient(base_url=bot.url) as client:
        headers = {
            "content-type": "application/json",
            "x-github-event": "issues",
            "x-github-delivery": "one",
            "x-hub-signature-256": "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest(),
        }
        first = await client.post("/webhook", content=body, headers=headers)
        again = await client.post("/webhook", content=body, headers=headers)
    assert (first.status_code, first.json()) == (202, {"status": "accepted"})
    assert (again.status_code, again.json()) == (202, {"status": "duplicate"})
    assert "server" not in first.headers
    assert await redis.xlen("swarmbot:inbox") == 1


async def test_a_body_that_does_not_come_is_400_in_bounded_time(bot: Served, redis: Redis) -> None:
    answer = await bot.talk(head(b"x" * 100), b"x" * 50)
    assert status_of(answer) == 400
    assert b"did not arrive" in answer
    assert await redis.keys("*") == []


@pytest.mark.parametrize("announced", [MAX_BODY + 1, 10 * MAX_BODY])
async def test_a_sender_that_writes_on_still_reads_why_it_is_refused(bot: Served, redis: Redis, announced: int) -> None:
    answer = await bot.talk(head(b"", length=announced), *[b"x" * 100_000] * (MAX_BODY // 100_000))
    assert status_of(answer) == 413
    assert b"connection: close" in answer.lower()
    assert await redis.keys("*") == []


async def test_an_unsigned_body_is_refused_and_readable(bot: Served) -> None:
    body = b"x" * 500_000
    answer = await bot.talk(head(body, signed=False), body)
    assert status_of(answer) == 401
    assert set(json.loads(answer.partition(b"\r\n\r\n")[2])) == {"error", "do"}


async def test_a_chunked_body_without_end_is_cut_at_the_cap(bot: Served, redis: Redis) -> None:
    start = head(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    chunk = b"186a0\r\n" + b"x" * 100_000 + b"\r\n"
    answer = await bot.talk(start, *[chunk] * 11)
    assert status_of(answer) == 413
    assert await redis.keys("*") == []


async def test_a_sender_that_goes_away_leaves_no_trace(bot: Served, redis: Redis) -> None:
    body = b"x" * 100
    _, writer = await asyncio.open_connection("127.0.0.1", bot.port)
    writer.write(head(body) + body[:50])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await bot.talk(head(body) + body[:50], end=True) == b""
    assert await redis.keys("*") == []
    async with httpx.AsyncClient(base_url=bot.url) as client:
        assert (await client.get("/healthz")).status_code == 200


async def test_pages(bot: Served) -> None:
    async with httpx.AsyncClient(base_url=bot.url) as client:
        assert (await client.get("/healthz")).json() == {"status": "alive"}
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        front = await client.get("/")
        assert front.headers["content-type"].startswith("text/html")
        assert "swarmbot" in front.text
        assert (await client.get("/webhook")).status_code == 405
        assert (await client.get("/nothing")).status_code == 404


async def test_alive_but_not_ready_without_redis(tmp_path: Path) -> None:
    async with Redis(unix_socket_path=str(tmp_path / "nobody.sock")) as redis:
        app = create_app(Hook(Inbox(redis), [SECRET], frozenset()), redis)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bot") as client:
            assert (await client.get("/healthz")).status_code == 200
            unready = await client.get("/readyz")
    assert unready.status_code == 503
    assert "Redis" in unready.json()["reason"]
    assert str(tmp_path) not in unready.text


async def test_cancelling_lets_requests_under_way_end() -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        await release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"done"})

    server = await served(app)
    async with httpx.AsyncClient(base_url=server.url) as client:
        asking = asyncio.create_task(client.get("/"))
        await entered.wait()
        server.task.cancel()
        asyncio.get_running_loop().call_soon(release.set)
        assert (await asking).text == "done"
        await asyncio.wait({server.task}, timeout=20)
        assert server.task.cancelled()
        with pytest.raises(httpx.ConnectError):
            await client.get("/")


async def test_a_taken_port_is_named(bot: Served, redis: Redis) -> None:
    app = create_app(Hook(Inbox(redis), [SECRET], frozenset()), redis)
    with pytest.raises(AddressInUse, match=f"127.0.0.1 port {bot.port}"):
        await serve(app, "127.0.0.1", bot.port, lambda port: None)


async def test_signals_stay_the_callers(redis: Redis) -> None:
    before = [signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)]
    server = await served(create_app(Hook(Inbox(redis), [SECRET], frozenset()), redis))
    async with httpx.AsyncClient(base_url=server.url) as client:
        await client.get("/healthz")
    assert [signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)] == before
    await server.stop()
