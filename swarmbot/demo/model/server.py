"""``DemoModel``: the demo model on a port of loopback, as an async context manager."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from types import TracebackType

import uvicorn
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from swarmbot.demo.loopback import close, listen
from swarmbot.demo.model import side, trouble, wire
from swarmbot.demo.model.conversation import Conversation, Json, Part, Say, Usage, Wire
from swarmbot.demo.model.exchange import Exchange
from swarmbot.demo.model.plays import CLOSING, Answer, Play, Reply, say
from swarmbot.demo.model.trouble import Trouble

MODEL = "demo"
_COUNTS: dict[str, tuple[Wire, str]] = {
    "/count_tokens": ("messages", "input_tokens"),
    ":countTokens": ("gemini", "totalTokens"),
}


@dataclass
class Asked:
    """One request that came in."""

    method: str
    path: str
    """With the query."""
    key: str | None
    """The key that it came with, whichever header held it."""
    body: Json
    wire: Wire | None = None
    """None: it wants no answer of the model, but a list of models, a count of tokens or something unknown."""
    conversation: Conversation | None = None
    status: int = 0
    """The HTTP status of the answer; 0 while there is none."""
    usage: Usage = field(default_factory=Usage)
    """What the answer says about tokens."""

    @property
    def text(self) -> str:
        """All that was said in the conversation."""
        return self.conversation.text if self.conversation else ""


class DemoModel:
    """A model that does what its play says, in four wire formats. It understands nothing.

    Inside ``async with`` it listens on 127.0.0.1, at ``port`` or a free one, in the running loop. ``play`` may be set
    anew at any time. ``keys`` are the keys that it takes (None: any); others get the vendor's 401 or the like.
    """

    def __init__(self, play: Play | None = None, *, port: int = 0, keys: Collection[str] | None = None) -> None:
        self.play = play or say(CLOSING)
        self.requests: list[Asked] = []
        """Everything that was asked, in the order of arrival."""
        self._keys = None if keys is None else frozenset(keys)
        self._port = port
        self._server: uvicorn.Server | None = None
        self._leaving = asyncio.Event()
        self._news = asyncio.Condition()

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``. What OpenAI's clients call the base address is this and ``/v1``."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def turns(self) -> list[Asked]:
        """The requests that belong to a task."""
        return [asked for asked in self.requests if asked.conversation is not None and not asked.conversation.beside]

    @property
    def usage(self) -> Usage:
        """The tokens of all answers together."""
        return sum((asked.usage for asked in self.requests), Usage())

    async def until(self, met: Callable[[DemoModel], bool]) -> None:
        """Wait until ``met`` is true; it is asked again whenever a request comes in or is answered."""
        async with self._news:
            await self._news.wait_for(lambda: met(self))

    async def __aenter__(self) -> DemoModel:
        self._server, self._port = await listen(self._serve, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        if self._server is not None:
            await close(self._server)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        raw = await request.body()
        query = scope["query_string"].decode("latin-1")
        path = request.url.path
        asked = Asked(request.method, f"{path}?{query}" if query else path, _key(request), {})
        self.requests.append(asked)
        exchange = Exchange(receive, send, self._leaving)
        try:
            try:
                asked.body = _parsed(raw)
            except ValueError:
                await exchange.document(400, {"error": {"message": "the body is no JSON object"}})
                return
            if request.method == "POST":
                await self._post(asked, path, exchange, query)
            else:
                await self._get(path, exchange)
        finally:
            asked.status = exchange.status
            async with self._news:
                self._news.notify_all()

    async def _get(self, path: str, exchange: Exchange) -> None:
        if path.endswith("/models"):
            await exchange.document(200, _models())
        else:
            await exchange.document(200 if path == "/" else 404, {})

    async def _post(self, asked: Asked, path: str, exchange: Exchange, query: str) -> None:
        for end, (form, name) in _COUNTS.items():
            if path.endswith(end):
                body = asked.body.get("generateContentRequest") or asked.body
                talk: Conversation = wire.FORMATS[form].read(body, path)
                await exchange.document(200, {name: talk.usage(()).input})
                return
        asked.wire = wire.of_path(path)
        if asked.wire is None:
            await exchange.document(404, {"error": {"message": f"the demo model has nothing at {path}"}})
            return
        talk = wire.FORMATS[asked.wire].read(asked.body, path)
        beside = side.answer(talk)
        asked.conversation = talk = replace(talk, beside=beside is not None)
        async with self._news:
            self._news.notify_all()
        reply = self._reply(talk, asked.key, beside)
        await _answer(reply, talk, asked, exchange, sse=asked.wire != "gemini" or "alt=sse" in query)

    def _reply(self, talk: Conversation, key: str | None, beside: tuple[Part, ...] | None) -> Reply:
        if self._keys is not None and key not in self._keys:
            return Trouble("key_refused")
        due = self.play(talk)
        if beside is None:
            return due or Answer((Say(CLOSING),))
        return due if isinstance(due, Trouble) and due.everywhere else Answer(beside)


async def _answer(reply: Reply, talk: Conversation, asked: Asked, exchange: Exchange, *, sse: bool) -> None:
    ident = secrets.token_hex(8)
    form = wire.FORMATS[talk.wire]
    if isinstance(reply, Trouble):
        found = trouble.refusal(reply, talk, ident)
        if found.in_stream is not None:
            await exchange.stream(wire.responses.failed(found.in_stream, talk.model, ident), named=True)
        else:
            await exchange.document(found.status, found.body, found.headers)
        return
    if reply.hangs == "before":
        await exchange.hang()
        return
    asked.usage = talk.usage(reply.parts)
    if not talk.streams:
        if reply.hangs:
            await exchange.hang()
        else:
            await exchange.document(200, form.whole(reply.parts, asked.usage, talk.model, ident))
        return
    events = form.events(reply.parts, asked.usage, talk.model, ident)
    if not sse:
        await exchange.document(200, events)
        return
    await exchange.stream(
        events,
        named=talk.wire in {"messages", "responses"},
        last="[DONE]" if talk.wire == "chat" else None,
        pause_s=reply.pause_s,
        hang_after=max(2, len(events) // 2) if reply.hangs else None,
    )


def _key(request: Request) -> str | None:
    headers = request.headers
    bearer = headers.get("authorization", "").removeprefix("Bearer ").strip()
    return (
        headers.get("x-api-key") or headers.get("x-goog-api-key") or request.query_params.get("key") or bearer or None
    )


def _parsed(raw: bytes) -> Json:
    body = json.loads(raw or b"{}")
    if not isinstance(body, dict):
        raise ValueError("no JSON object")
    return body


def _models() -> Json:
    # One document for all vendors: OpenAI and Anthropic read "data", Gemini and Codex "models".
    model = {"id": MODEL, "object": "model", "type": "model", "display_name": "Demo", "created": 0, "owned_by": "demo"}
    return {"object": "list", "data": [model], "has_more": False, "models": []}
