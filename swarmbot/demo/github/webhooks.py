"""Makes webhooks from what happened, signs them, and delivers them in order, like GitHub: once.

A delivery that fails is only logged; nothing is sent again unless somebody asks for it (``redeliver``).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import ssl
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import msgspec
import structlog

from swarmbot.demo.github.shapes import Shapes, node_id
from swarmbot.demo.github.state import App, Installation, Repository, User, World

HOOK_ID = 4_711
ANSWER_SECONDS = 10.0
"""GitHub waits this long for the answer to a webhook."""
PAYLOAD_BYTES = 25 * 1024 * 1024
"""Larger payloads are not delivered."""

_NEEDS = {
    "issues": "issues",
    "issue_comment": "issues",
    "pull_request": "pull_requests",
    "check_run": "checks",
}
"""Event -> permission that the installation must have to hear of it. What is not listed needs none."""

_log = structlog.get_logger()


class Delivery(msgspec.Struct, eq=False, kw_only=True):
    """One attempt to deliver one webhook."""

    id: int
    guid: str
    event: str
    action: str | None
    body: bytes
    """The raw request body, as it was signed."""
    headers: dict[str, str]
    redelivery: bool
    installation_id: int | None
    repository_id: int | None
    delivered_at: datetime
    status_code: int = 0
    """The hook's answer; 0 while there is none, and for ever when nobody answered."""
    status: str = "pending"
    """``OK``, the reason of a failure, or ``pending``."""
    duration: float = 0.0
    """Seconds until the answer."""
    response: str = ""
    done: asyncio.Event


class Webhooks:
    """The webhook of the App: what is sent there, and the log of it."""

    def __init__(self, world: World, app: App, shapes: Shapes, *, secret: str, on_answer: Callable[[], None]) -> None:
        self.url: str | None = None
        self.log: list[Delivery] = []
        self._world, self._app, self._shapes = world, app, shapes
        self._secret = secret.encode()
        self._on_answer = on_answer
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to deliver, within the running loop."""
        self._task = asyncio.create_task(self._deliver_all(), name="demo-webhooks")

    async def stop(self) -> None:
        """End delivering; what is under way is given up."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def settled(self) -> None:
        """Return when every delivery so far was answered or has failed."""
        await self._queue.join()

    def ping(self) -> None:
        """Send the event that GitHub sends when a webhook is made."""
        hook = {"type": "App", "id": HOOK_ID, "name": "web", "active": True, "app_id": self._app.id}
        hook |= {"events": sorted(self._app.events), "config": {"url": self.url, "content_type": "json"}}
        payload = {"zen": "Keep it logically awesome.", "hook_id": HOOK_ID, "hook": hook}
        self._put("ping", None, payload, None, None)

    def emit(self, event: str, action: str, repository: Repository, sender: User, **parts: Any) -> None:
        """Send an event about a repository to every installation that hears and may hear of it.

        ``parts`` are the payload's own keys, shaped already (``issue=…``, ``comment=…``).
        """
        for installation in self._world.installations.values():
            if repository in installation.repositories and self._heard(event, installation):
                payload = {"action": action, **parts, "repository": self._shapes.repository(repository)}
                if repository.owner.type == "Organization":
                    owner = repository.owner
                    payload["organization"] = {"login": owner.login, "id": owner.id}
                payload["sender"] = self._shapes.user(sender)
                hook = {"id": installation.id, "node_id": node_id("IN", installation.id)}
                payload["installation"] = hook
                self._put(event, action, payload, installation, repository)

    def _heard(self, event: str, installation: Installation) -> bool:
        needed = _NEEDS.get(event)
        permitted = needed is None or installation.permissions.get(needed, "none") != "none"
        return event in installation.events and permitted

    def _put(
        self,
        event: str,
        action: str | None,
        payload: dict[str, Any],
        installation: Installation | None,
        repository: Repository | None,
    ) -> None:
        body = msgspec.json.encode(payload)
        if len(body) > PAYLOAD_BYTES:
            _log.warning("demo_payload_too_large", hook_event=event, size=len(body))
            return
        delivery = Delivery(
            id=self._world.next_id(),
            guid=str(uuid.uuid4()),
            event=event,
            action=action,
            body=body,
            headers={},
            redelivery=False,
            installation_id=installation.id if installation else None,
            repository_id=repository.id if repository else None,
            delivered_at=self._world.now(),
            done=asyncio.Event(),
        )
        delivery.headers = self._headers(delivery)
        self._enqueue(delivery)

    def _enqueue(self, delivery: Delivery) -> None:
        self.log.append(delivery)
        self._queue.put_nowait(delivery)

    def _headers(self, delivery: Delivery) -> dict[str, str]:
        digest = hmac.new(self._secret, delivery.body, hashlib.sha256).hexdigest()
        return {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/demo",
            "X-GitHub-Delivery": delivery.guid,
            "X-GitHub-Event": delivery.event,
            "X-GitHub-Hook-ID": str(HOOK_ID),
            "X-GitHub-Hook-Installation-Target-ID": str(self._app.id),
            "X-GitHub-Hook-Installation-Target-Type": "integration",
            "X-Hub-Signature-256": f"sha256={digest}",
        }

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Send a delivery again, under its old guid and a new id; returns the new attempt."""
        again = msgspec.structs.replace(
            delivery,
            id=self._world.next_id(),
            redelivery=True,
            delivered_at=self._world.now(),
            status_code=0,
            status="pending",
            duration=0.0,
            response="",
            done=asyncio.Event(),
        )
        self._enqueue(again)
        return again

    async def _deliver_all(self) -> None:
        # The hook is on loopback: no proxy of the environment may come between, and certificates are not loaded.
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        async with httpx.AsyncClient(trust_env=False, verify=plain, timeout=ANSWER_SECONDS) as client:
            while True:
                delivery = await self._queue.get()
                try:
                    await self._deliver(client, delivery)
                finally:
                    self._queue.task_done()
                    delivery.done.set()
                    self._on_answer()

    async def _deliver(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        started = time.monotonic()
        delivery.delivered_at = self._world.now()
        if self.url is None:
            delivery.status = "no hook address is set"
            return
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await client.post(self.url, content=delivery.body, headers=delivery.headers)
        except TimeoutError:
            delivery.status = "timed out"
        except (httpx.HTTPError, httpx.InvalidURL) as failed:
            delivery.status = f"failed to connect to host: {failed}"
        else:
            delivery.status_code = answer.status_code
            delivery.status = "OK" if answer.is_success else answer.reason_phrase
            delivery.response = answer.text[:2000]
        delivery.duration = time.monotonic() - started
        if delivery.status != "OK":
            _log.warning("demo_delivery_failed", guid=delivery.guid, reason=delivery.status)


def delivery_shape(delivery: Delivery, *, full: bool = False) -> dict[str, Any]:
    """Return a delivery as ``GET /app/hook/deliveries`` lists it; ``full`` adds request and response."""
    moment = delivery.delivered_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    shaped: dict[str, Any] = {
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": moment,
        "redelivery": delivery.redelivery,
        "duration": round(delivery.duration, 2),
        "status": delivery.status,
        "status_code": delivery.status_code,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": delivery.installation_id,
        "repository_id": delivery.repository_id,
        "throttled_at": None,
    }
    if full:
        shaped["request"] = {"headers": delivery.headers, "payload": msgspec.json.decode(delivery.body)}
        shaped["response"] = {"headers": {}, "payload": delivery.response}
    return shaped
