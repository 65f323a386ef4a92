"""Signs in as the GitHub App: its own JWT, tokens for installations, and one client for all calls.

Calls go through githubkit's core without its typed models: they decode only the fields that are read, where the models
reject what an older server leaves out and take tens of megabytes.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import msgspec
import structlog
from githubkit import AppAuthStrategy, GitHub
from githubkit.cache import MemCacheStrategy
from githubkit.exception import GitHubException, RateLimitExceeded, RequestError, RequestFailed
from githubkit.retry import RETRY_DEFAULT, RETRY_RATE_LIMIT

from swarmbot import __version__

log = structlog.get_logger()

JOB_PERMISSIONS = {"contents": "write", "issues": "write", "pull_requests": "write", "checks": "write"}
"""What a job's token may do, in the one repository of the job."""
_RENEW_BEFORE_S = 300
_ACCEPT = "application/vnd.github+json"
_VERSION = "2022-11-28"

T = TypeVar("T")


class GitHubError(Exception):
    """GitHub refused or could not be reached. ``status`` is 0 where there was no answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"GitHub answered {status}: {message}" if status else f"GitHub did not answer: {message}")
        self.status, self.message = status, message


class NotPermitted(GitHubError):
    """401 or 403: the App lacks a permission, or the installation was removed or suspended."""


class NotThere(GitHubError):
    """404 or 410: there is no such thing, or the App may not see it."""


class Invalid(GitHubError):
    """422: what was sent does not fit."""


class Unavailable(GitHubError):
    """No answer, 5xx, or the rate limit: later it may work."""


class Token(msgspec.Struct, frozen=True):
    """An installation token. Never shown: its ``repr`` has no value."""

    value: str
    expires_at: float
    installation_id: int

    def __repr__(self) -> str:
        return f"Token(installation_id={self.installation_id})"


class Nothing(msgspec.Struct):
    """For an answer of which no field is read."""


class _Minted(msgspec.Struct):
    token: str
    expires_at: datetime


class Client:
    """Calls GitHub's REST API with one token."""

    def __init__(self, github: GitHub[Any], token: Token, app_id: int) -> None:
        self._github = github
        self.token, self.app_id = token, app_id

    async def call(self, method: str, path: str, kind: type[T], body: object = None, **query: str | int) -> T:
        """Make one call and decode the answer as ``kind``. Raises a :class:`GitHubError`."""
        headers = {"Authorization": f"Bearer {self.token.value}"}
        return await _call(self._github, method, path, kind, body, query, headers)


class GitHubApp:
    """The App. Use it as a context manager: it keeps the connections to GitHub open."""

    def __init__(self, app_id: int, private_key: str, api_url: str) -> None:
        self.app_id = app_id
        common: dict[str, Any] = {
            "base_url": api_url,
            "user_agent": f"swarmbot/{__version__}",
            "timeout": httpx.Timeout(30, connect=10),
            "http_cache": False,
            # The library's own is shared by the process, where a JWT of one key would be found under another.
            "cache_strategy": MemCacheStrategy(),
        }
        self._as_app = GitHub(AppAuthStrategy(app_id, private_key), auto_retry=RETRY_DEFAULT, **common)
        # A write that was answered with 502 may have been done: it is not sent again blindly.
        self._plain: GitHub[Any] = GitHub(None, auto_retry=RETRY_RATE_LIMIT, **common)
        self._tokens: dict[int, Token] = {}

    async def __aenter__(self) -> Self:
        await self._as_app.__aenter__()  # type: ignore[no-untyped-call]
        await self._plain.__aenter__()  # type: ignore[no-untyped-call]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._plain.__aexit__(kind, error, trace)
        await self._as_app.__aexit__(kind, error, trace)

    async def installation(self, installation_id: int) -> Client:
        """Return a client for all that the installation may do; its token is kept until shortly before its end."""
        token = self._tokens.get(installation_id)
        if token is None or token.expires_at - time.time() < _RENEW_BEFORE_S:
            token = await self._mint(installation_id, {})
            self._tokens[installation_id] = token
        return Client(self._plain, token, self.app_id)

    @asynccontextmanager
    async def for_job(self, installation_id: int, repository_id: int) -> AsyncIterator[Client]:
        """Give a client whose token works for one repository and is revoked at the end."""
        request = {"repository_ids": [repository_id], "permissions": JOB_PERMISSIONS}
        client = Client(self._plain, await self._mint(installation_id, request), self.app_id)
        try:
            yield client
        finally:
            try:
                await client.call("DELETE", "/installation/token", Nothing)
            except GitHubError as error:
                log.warning("token not revoked", installation=installation_id, error=str(error))

    async def _mint(self, installation_id: int, request: Mapping[str, Any]) -> Token:
        path = f"/app/installations/{installation_id}/access_tokens"
        minted = await _call(self._as_app, "POST", path, _Minted, request, {}, {})
        return Token(minted.token, minted.expires_at.timestamp(), installation_id)


async def _call(
    github: GitHub[Any],
    method: str,
    path: str,
    kind: type[T],
    body: object,
    query: Mapping[str, str | int],
    headers: Mapping[str, str],
) -> T:
    sent = {"Accept": _ACCEPT, "X-GitHub-Api-Version": _VERSION, **headers}
    try:
        answer = await github.arequest(method, path, json=body, params=query or None, headers=sent)
    except RateLimitExceeded as error:
        raise Unavailable(error.response.status_code, f"rate limit, again in {error.retry_after}") from error
    except RequestFailed as error:
        raise _named(error.response.status_code, _message(error)) from None
    except (RequestError, GitHubException) as error:
        raise Unavailable(0, type(error).__name__) from error
    try:
        return msgspec.json.decode(answer.content or b"{}", type=kind)
    except msgspec.MsgspecError as error:
        raise Unavailable(answer.status_code, f"an answer that does not fit: {error}") from error


def _named(status: int, message: str) -> GitHubError:
    if status in (401, 403):
        return NotPermitted(status, message)
    if status in (404, 410):
        return NotThere(status, message)
    return Invalid(status, message) if status < 500 else Unavailable(status, message)


def _message(error: RequestFailed) -> str:
    try:
        said = error.response.json()
        details = "; ".join(str(item.get("message", item)) for item in said.get("errors", []) if isinstance(item, dict))
        return f"{said.get('message', '')} {details}".strip()
    except (ValueError, AttributeError):
        return error.response.text[:200]
