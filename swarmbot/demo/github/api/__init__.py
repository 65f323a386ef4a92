"""The REST API of the demo GitHub: every route in one visible place, and the entrance that all calls take."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Any

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from swarmbot.demo.github.access import Access, bearer
from swarmbot.demo.github.actions import Actions
from swarmbot.demo.github.api import apps, checks, issues, pulls, repositories
from swarmbot.demo.github.api.routing import Answer, Ask, Route, Routes, rate_headers
from swarmbot.demo.github.errors import ApiError, not_found
from swarmbot.demo.github.ledger import Play
from swarmbot.demo.github.state import App

PREFIX = "/api/v3"
RATE_LIMIT = 5_000
"""Calls an hour that an installation has."""

_BODY_BYTES = 16 * 1024 * 1024
_log = structlog.get_logger()
_rate = Routes()


@_rate.add("GET", "/rate_limit")
def get_rate_limit(ask: Ask) -> Answer:
    """The rate limit; the numbers are filled in at the entrance."""
    return Answer(body={})


ROUTES: list[Route] = [
    *apps.routes,
    *repositories.routes,
    *issues.routes,
    *pulls.routes,
    *checks.routes,
    *_rate,
]


class Api:
    """Takes a call, checks who calls, lets the route answer, and notes all of it in the ledger."""

    def __init__(self, actions: Actions, access: Access, app: App) -> None:
        self._actions, self._access, self._app = actions, access, app
        self._used: dict[str, int] = {}

    async def answer(self, request: Request, path: str) -> Response:
        """Answer a call; ``path`` is that of the address without ``PREFIX``."""
        route, params = _find(request.method, path)
        play = self._actions.ledger.next_play(request.method, path)
        try:
            raw = await _body(request)
            if play is not None and not play.carried_out:
                answer = _played(play)
            else:
                answer = self._carry_out(request, path, route, params, raw)
                answer = _played(play) if play is not None else answer
        except ApiError as refused:
            answer = Answer(body=refused.body(), status=refused.status, headers=refused.headers)
            if refused.odd:
                self._complain(request, path, refused)
        except Exception as broken:
            _log.exception("demo_github_failed", method=request.method, path=path)
            self._actions.ledger.complain(f"the demo GitHub failed at {request.method} {path}: {broken!r}")
            answer = Answer(body={"message": "Server Error"}, status=500)
        self._actions.ledger.answered(request.method, path, answer.status, route.kind if route else "unknown")
        return self._response(request, path, answer)

    def _carry_out(
        self, request: Request, path: str, route: Route | None, params: dict[str, str], raw: bytes
    ) -> Answer:
        if not request.headers.get("User-Agent"):
            raise ApiError(403, "Request forbidden by administrative rules. (User-Agent header required)")
        if route is None:
            self._actions.ledger.complain(f"unknown route: {request.method} {path}")
            raise not_found()
        ask = Ask(
            method=request.method,
            url=self._actions.shapes.api_url + path,
            params=params,
            query=dict(request.query_params),
            raw=raw,
            actions=self._actions,
            access=self._access,
            app=self._app,
        )
        for name in set(ask.query) - set(route.query):
            self._actions.ledger.complain(f"{request.method} {path}: unknown query parameter {name}")
        credentials = bearer(request.headers.get("Authorization", ""))
        if not credentials:
            raise ApiError(401, "Requires authentication")
        if route.auth == "app":
            self._access.check_jwt(credentials)
        else:
            ask.token = self._access.token(credentials)
        return route.handler(ask)

    def _complain(self, request: Request, path: str, refused: ApiError) -> None:
        reason = f"{refused.status} {refused.message}"
        if refused.status == 401:
            credentials = bearer(request.headers.get("Authorization", ""))
            reason += f" ({self._access.why_refused(credentials)})" if credentials else ""
        if refused.errors:
            reason += f" {refused.errors}"
        self._actions.ledger.complain(f"{request.method} {path}: {reason}")

    def _response(self, request: Request, path: str, answer: Answer) -> Response:
        limit = self._count(request.headers.get("Authorization", ""))
        body: Any = answer.body
        if path == "/rate_limit" and answer.status == 200:
            body = {"resources": {"core": limit, "search": limit}, "rate": limit}
        content = b"" if answer.status == 204 else msgspec.json.encode(body)
        headers = {
            **rate_headers(limit),
            "X-RateLimit-Resource": "core",
            "X-GitHub-Request-Id": secrets.token_hex(10).upper(),
            "X-GitHub-Media-Type": "github.v3; format=json",
            **answer.headers,
        }
        kind = None if answer.status == 204 else "application/json; charset=utf-8"
        return Response(content, status_code=answer.status, headers=headers, media_type=kind)

    def _count(self, authorization: str) -> dict[str, int]:
        # Keyed by a digest, so that no token outlives its revocation in here.
        caller = hashlib.sha256(authorization.encode()).hexdigest()
        used = self._used[caller] = self._used.get(caller, 0) + 1
        now = int(self._actions.world.now().timestamp())
        reset = now - now % 3600 + 3600
        return {"limit": RATE_LIMIT, "remaining": max(0, RATE_LIMIT - used), "used": used, "reset": reset}


def _find(method: str, path: str) -> tuple[Route | None, dict[str, str]]:
    for route in ROUTES:
        if route.method == method and (found := re.fullmatch(route.pattern, path)):
            return route, found.groupdict()
    return None, {}


async def _body(request: Request) -> bytes:
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _BODY_BYTES:
            raise ApiError(413, "Payload too large")
    return raw


def _played(play: Play) -> Answer:
    body = {"message": play.message, "documentation_url": "https://docs.github.com/rest"}
    return Answer(body=body, status=play.status, headers=dict(play.headers))
