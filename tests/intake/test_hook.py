"""The hook as a table: what is sent, what is answered, and whether anything was stored."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import signal
from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

from swarmbot.intake.hook import Hook
from swarmbot.intake.inbox import Inbox
from swarmbot.jobs.embedded_redis import EmbeddedRedis

SECRET, OLD_SECRET = b"new secret", b"old secret"
BODY = '{"action": "created", "comment": {"body": "/agent fix, bitte schön"}}'.encode()
MAX_BODY = 100_000

Changes = dict[str, str | None]


def signed(body: bytes, secret: bytes = SECRET) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def headers(body: bytes = BODY, **changed: str | None) -> dict[str, str]:
    """The headers of a good delivery; a change to None leaves one out. Underscores stand for hyphens."""
    good: Changes = {
        "content-type": "application/json",
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-github-event": "issue_comment",
        "x-hub-signature-256": signed(body),
    }
    good.update({name.replace("_", "-"): value for name, value in changed.items()})
    return {name: value for name, value in good.items() if value is not None}


@pytest.fixture
def hook(redis: Redis) -> Hook:
    return Hook(Inbox(redis), [SECRET, OLD_SECRET], frozenset({"issue_comment", "issues"}), max_body=MAX_BODY)


@pytest.fixture
async def client(hook: Hook) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=hook)
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as made:
        yield made


TAKEN: list[tuple[str, Changes, bytes, int, str, bool]] = [
    # what, changed headers, body, status, word, stored
    ("a delivery", {}, BODY, 202, "accepted", True),
    ("signed by the older secret", {"x_hub_signature_256": signed(BODY, OLD_SECRET)}, BODY, 202, "accepted", True),
    ("type with charset", {"content_type": "Application/JSON; charset=utf-8"}, BODY, 202, "accepted", True),
    ("as large as allowed", {}, b"x" * MAX_BODY, 202, "accepted", True),
    ("not JSON at all, for dispatch to say", {}, b"\x00\xff", 202, "accepted", True),
    ("an empty body", {}, b"", 202, "accepted", True),
    ("an event that nobody reads", {"x_github_event": "star"}, BODY, 202, "ignored", False),
    ("a ping", {"x_github_event": "ping"}, BODY, 200, "pong", False),
]

REFUSED: list[tuple[str, Changes, bytes, int, str]] = [
    # what, changed headers, body, status, word of the error
    ("a form", {"content_type": "application/x-www-form-urlencoded"}, BODY, 400, "content type"),
    ("a longer type", {"content_type": "application/jsonp"}, BODY, 400, "content type"),
    ("no type", {"content_type": None}, BODY, 400, "content type"),
    ("compressed", {"content_encoding": "gzip"}, BODY, 400, "encoded"),
    ("no delivery id", {"x_github_delivery": None}, BODY, 400, "X-GitHub-Delivery"),
    ("an empty delivery id", {"x_github_delivery": ""}, BODY, 400, "X-GitHub-Delivery"),
    ("a long delivery id", {"x_github_delivery": "a" * 65}, BODY, 400, "X-GitHub-Delivery"),
    ("an odd delivery id", {"x_github_delivery": "a:b*"}, BODY, 400, "X-GitHub-Delivery"),
    ("no event", {"x_github_event": None}, BODY, 400, "X-GitHub-Event"),
    ("an empty event", {"x_github_event": ""}, BODY, 400, "X-GitHub-Event"),
    ("an odd event", {"x_github_event": "issues; drop"}, BODY, 400, "X-GitHub-Event"),
    ("a length that is no number", {"content_length": "+5"}, BODY, 400, "Content-Length"),
    ("unsigned", {"x_hub_signature_256": None}, BODY, 401, "missing"),
    ("an unsigned ping", {"x_hub_signature_256": None, "x_github_event": "ping"}, BODY, 401, "missing"),
    ("SHA-1 only", {"x_hub_signature_256": None, "x_hub_signature": "sha1=" + "0" * 40}, BODY, 401, "SHA-1"),
    ("another algorithm", {"x_hub_signature_256": "sha1=" + "0" * 40}, BODY, 403, "malformed"),
    ("an empty signature", {"x_hub_signature_256": ""}, BODY, 403, "malformed"),
    ("a signature cut short", {"x_hub_signature_256": signed(BODY)[:-1]}, BODY, 403, "malformed"),
    ("a signature with more", {"x_hub_signature_256": signed(BODY) + "0"}, BODY, 403, "malformed"),
    ("signed by a stranger", {"x_hub_signature_256": signed(BODY, b"guess")}, BODY, 403, "does not fit"),
    ("signed with no secret", {"x_hub_signature_256": signed(BODY, b"")}, BODY, 403, "does not fit"),
    ("a changed body", {"x_hub_signature_256": signed(BODY)}, BODY + b" ", 403, "does not fit"),
    ("an ignored event, wrongly signed", {"x_github_event": "star", "x_hub_signature_256": signed(b"")}, BODY, 403, ""),
    ("a ping, wrongly signed", {"x_github_event": "ping", "x_hub_signature_256": signed(b"")}, BODY, 403, ""),
    ("too large", {}, b"x" * (MAX_BODY + 1), 413, "larger than"),
    ("an absurd length", {"content_length": "9" * 5000}, BODY, 413, "larger than"),
]


@pytest.mark.parametrize(
    ("changed", "body", "status", "word", "stored"), [row[1:] for row in TAKEN], ids=[r[0] for r in TAKEN]
)
async def test_taken(
    client: httpx.AsyncClient, redis: Redis, changed: Changes, body: bytes, status: int, word: str, stored: bool
) -> None:
    answer = await client.post("/", content=body, headers=headers(body, **changed))
    assert (answer.status_code, answer.json()) == (status, {"status": word})
    assert await redis.xlen("swarmbot:inbox") == stored
    # What is ignored leaves no trace, not even in the memory of duplicates.
    assert bool(await redis.keys("*")) == stored


@pytest.mark.parametrize(
    ("changed", "body", "status", "word"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED]
)
async def test_refused(
    client: httpx.AsyncClient, redis: Redis, changed: Changes, body: bytes, status: int, word: str
) -> None:
    answer = await client.post("/", content=body, headers=headers(body, **changed))
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "do"}
    assert word in answer.json()["error"]
    assert await redis.keys("*") == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_only_post(client: httpx.AsyncClient, redis: Redis, method: str) -> None:
    answer = await client.request(method, "/", headers=headers())
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert await redis.keys("*") == []


async def test_a_body_of_unknown_length_is_counted_while_it_comes(client: httpx.AsyncClient, redis: Redis) -> None:
    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 1000

    fitting = await client.post("/", content=pieces(100), headers=headers(b"x" * 100_000))
    assert fitting.json() == {"status": "accepted"}
    other = headers(b"x" * 101_000, x_github_delivery="other")
    assert (await client.post("/", content=pieces(101), headers=other)).status_code == 413
    assert await redis.xlen("swarmbot:inbox") == 1


async def test_fifty_at_once_are_one_delivery(client: httpx.AsyncClient, redis: Redis) -> None:
    answers = await asyncio.gather(*(client.post("/", content=BODY, headers=headers()) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    words = [answer.json()["status"] for answer in answers]
    assert (words.count("accepted"), words.count("duplicate")) == (1, 49)
    assert await redis.xlen("swarmbot:inbox") == 1


async def test_an_unsigned_copy_does_not_take_the_place_of_the_real_one(client: httpx.AsyncClient) -> None:
    await client.post("/", content=BODY, headers=headers(x_hub_signature_256=None))
    await client.post("/", content=BODY, headers=headers(x_hub_signature_256=signed(BODY, b"guess")))
    assert (await client.post("/", content=BODY, headers=headers())).json() == {"status": "accepted"}


async def test_a_full_inbox_is_503_and_says_when_to_come_again(redis: Redis) -> None:
    hook = Hook(Inbox(redis, max_bytes=10), [SECRET], frozenset({"issue_comment"}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=hook), base_url="http://bot") as client:
        answer = await client.post("/", content=BODY, headers=headers())
    assert (answer.status_code, answer.json()["error"]) == (503, "the inbox is full")
    assert int(answer.headers["retry-after"]) > 0


async def test_bodies_under_way_are_bounded_and_given_back(redis: Redis) -> None:
    events = frozenset({"issue_comment"})
    hook = Hook(Inbox(redis), [SECRET], events, max_held=len(BODY))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=hook), base_url="http://bot") as client:
        too_much = await client.post("/", content=BODY + b" ", headers=headers(BODY + b" "))
        assert too_much.status_code == 503
        for number in range(3):
            answer = await client.post("/", content=BODY, headers=headers(x_github_delivery=str(number)))
            assert answer.json() == {"status": "accepted"}


async def test_redis_killed_between_two_deliveries(own_redis_server: EmbeddedRedis) -> None:
    async with Redis.from_url(own_redis_server.url) as redis:
        inbox = Inbox(redis, patience_s=0.3)
        hook = Hook(inbox, [SECRET], frozenset({"issue_comment"}))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=hook), base_url="http://bot") as client:

            async def deliver(name: str) -> int:
                answer = await client.post("/", content=BODY, headers=headers(x_github_delivery=name))
                return answer.status_code

            assert await deliver("before") == 202
            assert own_redis_server.pid
            os.kill(own_redis_server.pid, signal.SIGKILL)
            assert await deliver("lost") == 503
            await own_redis_server.stop()
            await own_redis_server.start()
            assert await deliver("after") == 202
        entries = await inbox.read("a", count=10, block_ms=0)
        assert [entry.delivery.id for entry in entries] == ["before", "after"]


@pytest.mark.parametrize("secrets", [[], [b""], [SECRET, b""]])
def test_a_hook_without_a_real_secret_cannot_be_made(redis: Redis, secrets: list[bytes]) -> None:
    with pytest.raises(ValueError, match="secret"):
        Hook(Inbox(redis), secrets, frozenset())
