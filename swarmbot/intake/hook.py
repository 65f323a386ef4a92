"""The door for GitHub's webhooks: checks the envelope and the signature, stores the delivery, and answers.

It parses nothing but headers and talks to nobody but the inbox; what a delivery means is read later, by dispatch.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any

import msgspec
import structlog

from swarmbot.intake.inbox import Delivery, Duplicate, Inbox, InboxFull, InboxUnavailable

log = structlog.get_logger()

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

RETRY_AFTER_S = 30
"""What a refused sender is told to wait; GitHub itself does not retry, the sweep finds the delivery later."""

_SIGNATURE = re.compile(rb"sha256=([0-9a-f]{64})")
_DELIVERY = re.compile(rb"[0-9A-Za-z-]{1,64}")
_EVENT = re.compile(rb"[a-z0-9_]{1,64}")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_JSON = re.compile(rb"application/json\s*(;.*)?", re.IGNORECASE)


class Refused(Exception):
    """A request that is not taken: the status, what is wrong, and what its sender can do about it."""

    def __init__(self, status: int, error: str, do: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.do = do
        self.headers: Headers = headers


class _Gone(Exception):
    """The sender went away before its body was complete; there is nobody to answer."""


class _Envelope(msgspec.Struct, frozen=True):
    delivery: str
    event: str
    signature: bytes


class Hook:
    """The ASGI endpoint that takes webhook deliveries into ``inbox``.

    ``secrets``: a signature by any of them counts, so that a secret can be changed without a gap. ``events``: the
    names that somebody reads; others are answered and leave no trace. ``max_body``: bytes of one body (GitHub's own
    limit is 25 MB). ``max_held``: bytes of all bodies being received or stored at a time, since they are in memory.
    ``body_s``: seconds within which a body must be there. ``linger_s``: seconds that the rest of a refused body is
    read and thrown away, so that its sender gets to see why.

    Answers JSON: 202 ``{"status": "accepted" | "duplicate" | "ignored"}``, 200 ``{"status": "pong"}``, else
    ``{"error", "do"}`` with 400 (not a delivery), 401 (unsigned), 403 (wrong signature), 405, 413, or 503 (not
    stored: Redis down, or the inbox full).
    """

    def __init__(
        self,
        inbox: Inbox,
        secrets: Sequence[bytes],
        events: frozenset[str],
        *,
        max_body: int = 25 * 1024 * 1024,
        max_held: int = 256 * 1024 * 1024,
        body_s: float = 10.0,
        linger_s: float = 2.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not secrets or not all(secrets):
            raise ValueError("a hook needs at least one webhook secret, and none may be empty: anybody could sign")
        self._inbox = inbox
        self._secrets = tuple(secrets)
        self._events = events
        self._max_body = max_body
        self._max_held = max_held
        self._held = 0
        self._body_s = body_s
        self._linger_s = linger_s
        self._clock = clock

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; see the class. Silent when the sender goes away in mid-body."""
        chunks: list[bytes] = []
        complete = False
        try:
            envelope = _read_envelope(scope, self._max_body)
            await self._read_body(receive, chunks)
            complete = True
            status, answer = await self._take(envelope, b"".join(chunks))
            await _answer(send, status, {"status": answer})
        except _Gone:
            return
        except Refused as refused:
            _log_refusal(scope, refused)
            problem = {"error": refused.error, "do": refused.do}
            if complete:
                await _answer(send, refused.status, problem, refused.headers)
            else:
                await self._answer_early(receive, send, refused, problem)
        finally:
            self._held -= sum(map(len, chunks))

    async def _read_body(self, receive: Receive, chunks: list[bytes]) -> None:
        """Append the body to ``chunks``, counting what is held. Bounded in bytes and in time."""
        size = 0
        try:
            async with asyncio.timeout(self._body_s):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise _Gone
                    chunk: bytes = message.get("body", b"")
                    size += len(chunk)
                    if size > self._max_body:
                        raise _too_large(self._max_body)
                    if self._held + len(chunk) > self._max_held:
                        raise _not_stored("too many deliveries are being received at this moment")
                    self._held += len(chunk)
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        return
        except TimeoutError:
            raise Refused(
                400, f"the body did not arrive within {self._body_s:g} s", "send the whole body at once"
            ) from None

    async def _take(self, envelope: _Envelope, body: bytes) -> tuple[int, str]:
        """Return the status and word for a complete request; raises `Refused`."""
        if not self._signed(envelope.signature, body):
            raise Refused(
                403,
                "the signature does not fit the body",
                "set the same webhook secret in the App's settings and in swarmbot's",
            )
        if envelope.event == "ping":
            return 200, "pong"
        if envelope.event not in self._events:
            return 202, "ignored"
        delivery = Delivery(envelope.delivery, envelope.event, body, self._clock())
        try:
            outcome = await self._inbox.accept(delivery)
        except (InboxFull, InboxUnavailable) as error:
            # The cause names addresses of ours, so it goes to our log and not to whoever sent this.
            log.error("delivery not stored", delivery=delivery.id, event_name=delivery.event, cause=str(error))
            full = isinstance(error, InboxFull)
            raise _not_stored("the inbox is full" if full else "Redis does not answer") from error
        return 202, "duplicate" if isinstance(outcome, Duplicate) else "accepted"

    async def _answer_early(self, receive: Receive, send: Send, refused: Refused, problem: dict[str, str]) -> None:
        """Answer before the body is read, then throw some of it away: closing at once would reset the connection,
        and the sender, still writing, might never see why.
        """
        await _answer(send, refused.status, problem, (*refused.headers, (b"connection", b"close")), more=True)
        left = self._max_body
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._linger_s):
                while left > 0:
                    message = await receive()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        break
                    left -= len(message.get("body", b""))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _signed(self, signature: bytes, body: bytes) -> bool:
        return any(hmac.compare_digest(hmac.digest(secret, body, "sha256"), signature) for secret in self._secrets)


def _read_envelope(scope: Message, max_body: int) -> _Envelope:
    """Check all that can be checked before the body is read; raises `Refused`."""
    if scope["method"] != "POST":
        raise Refused(405, "only POST is taken here", "point the App's webhook URL here", (b"allow", b"POST"))
    pairs: Iterable[tuple[bytes, bytes]] = scope["headers"]
    headers = dict(pairs)
    _check_length(headers.get(b"content-length"), max_body)
    if not _JSON.fullmatch(headers.get(b"content-type", b"")):
        raise Refused(
            400, "the content type is not application/json", "set the App's webhook content type to application/json"
        )
    if b"content-encoding" in headers:
        raise Refused(400, "the body is encoded", "send it without Content-Encoding")
    delivery = headers.get(b"x-github-delivery", b"")
    event = headers.get(b"x-github-event", b"")
    if not _DELIVERY.fullmatch(delivery):
        raise Refused(400, "X-GitHub-Delivery is missing or no delivery id", "send it as GitHub does: a GUID")
    if not _EVENT.fullmatch(event):
        raise Refused(400, "X-GitHub-Event is missing or no event name", "send it as GitHub does: issue_comment")
    given = headers.get(b"x-hub-signature-256")
    if given is None:
        raise Refused(
            401,
            "X-Hub-Signature-256 is missing (SHA-1 does not count)",
            "set a webhook secret in the App's settings, the same as in swarmbot's",
        )
    if not (signature := _SIGNATURE.fullmatch(given)):
        raise Refused(403, "X-Hub-Signature-256 is malformed", "send sha256= and 64 hexadecimal digits")
    return _Envelope(delivery.decode(), event.decode(), bytes.fromhex(signature[1].decode()))


def _check_length(given: bytes | None, max_body: int) -> None:
    # No length at all means a chunked body, which is counted while it is read.
    if given is None:
        return
    if not given.isdigit():
        raise Refused(400, "Content-Length is not a number", "send the body's length in bytes")
    if not _LENGTH.fullmatch(given) or int(given) > max_body:
        raise _too_large(max_body)


def _too_large(max_body: int) -> Refused:
    return Refused(413, f"the body is larger than {max_body} bytes", "send less: GitHub delivers at most 25 MB")


def _not_stored(error: str) -> Refused:
    wait = (b"retry-after", b"%d" % RETRY_AFTER_S)
    return Refused(503, error, "deliver it again later; swarmbot also looks for missed deliveries itself", wait)


def _log_refusal(scope: Message, refused: Refused) -> None:
    headers = dict(scope["headers"])
    delivery, event = headers.get(b"x-github-delivery", b""), headers.get(b"x-github-event", b"")
    client = scope.get("client")
    log.warning(
        "delivery refused",
        status=refused.status,
        reason=refused.error,
        delivery=delivery.decode() if _DELIVERY.fullmatch(delivery) else None,
        event_name=event.decode() if _EVENT.fullmatch(event) else None,
        client=client[0] if client else None,
    )


async def _answer(
    send: Send, status: int, content: dict[str, str], headers: Headers = (), *, more: bool = False
) -> None:
    body = msgspec.json.encode(content)
    kept = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": kept})
    await send({"type": "http.response.body", "body": body, "more_body": more})
