"""Calls GitHub's REST API with one token, and names what can go wrong.

Calls go through githubkit's core without its typed models: they decode only the fields that are read, where the models
reject what an older server leaves out and take tens of megabytes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
from githubkit import GitHub
from githubkit.exception import GitHubException, RateLimitExceeded, RequestError, RequestFailed

TRIES = 3
RENEW_BEFORE_S = 300
"""A token that ends sooner is made anew before it is used."""
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}

T = TypeVar("T")


class GitHubError(Exception):
    """GitHub refused or could not be reached. ``status`` is 0 where there was no answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"GitHub answered {status}: {message}" if status else f"GitHub did not answer: {message}")
        self.status, self.message = status, message


class NotPermitted(GitHubError):
    """403: the App lacks a permission, or the installation was suspended."""


class Unauthorized(NotPermitted):
    """401: a token that has ended or was revoked, or clocks that differ."""


class NotThere(GitHubError):
    """404 or 410: there is no such thing, or the App may not see it."""


class Invalid(GitHubError):
    """422: what was sent does not fit."""


class Unavailable(GitHubError):
    """No answer, 5xx, the rate limit, or no valid token to be had: later it may work.

    ``again_s``: seconds after which GitHub wants to be asked again; 0 where it did not say.
    """

    def __init__(self, status: int, message: str, again_s: float = 0.0) -> None:
        super().__init__(status, message)
        self.again_s = again_s


class Nothing(msgspec.Struct):
    """For an answer of which no field is read."""


class Token(msgspec.Struct, frozen=True):
    """An installation token. Never shown: its ``repr`` has no value."""

    value: str
    expires_at: float
    installation_id: int

    def __repr__(self) -> str:
        return f"Token(installation_id={self.installation_id})"

    @property
    def ends_soon(self) -> bool:
        """Whether it should be made anew before it is used."""
        return self.expires_at - time.time() < RENEW_BEFORE_S


class Client:
    """Makes calls with a token, which is made anew before it ends and when GitHub does not know it.

    ``patience_s``: the longest that one call waits before it asks again.
    """

    def __init__(
        self,
        github: GitHub[Any],
        token: Token,
        app_id: int,
        mint: Callable[[], Awaitable[Token]],
        *,
        patience_s: float,
    ) -> None:
        self._github, self._mint, self._patience_s = github, mint, patience_s
        self.token, self.app_id = token, app_id
        self._closed = False

    def close(self) -> None:
        """Make no more calls: a write that still waits somewhere would get a token that nobody revokes."""
        self._closed = True

    async def fresh_token(self) -> Token:
        """Return a token that lasts for some minutes at least, for git. Raises a :class:`GitHubError`."""
        if self._closed:
            raise Unavailable(0, "the client was closed")
        if self.token.ends_soon:
            self.token = await self._mint()
        return self.token

    async def call(self, method: str, path: str, kind: type[T], body: object = None, **query: str | int) -> T:
        """Make one call and decode the answer as ``kind``. Raises a :class:`GitHubError`.

        A read is asked again after a failure on GitHub's side; a write is not, for it may have been done. Where GitHub
        says when it wants to be asked again, both wait.
        """
        turn = 0
        while True:
            turn += 1
            headers = {"Authorization": f"Bearer {(await self.fresh_token()).value}"}
            try:
                return await send(self._github, method, path, kind, body, query=query, headers=headers)
            except Unauthorized:
                if turn > 1:
                    raise Unavailable(401, "it does not know a token that it has just made") from None
                self.token = await self._mint()
            except Unavailable as error:
                wait = error.again_s or (turn if method == "GET" else 0)
                if not wait or turn >= TRIES or wait > self._patience_s:
                    raise
                await asyncio.sleep(wait)


async def send(
    github: GitHub[Any],
    method: str,
    path: str,
    kind: type[T],
    body: object = None,
    *,
    query: Mapping[str, str | int] | None = None,
    headers: Mapping[str, str] | None = None,
) -> T:
    """Send one request, once, and decode the answer as ``kind``. Raises a :class:`GitHubError`."""
    try:
        answer = await github.arequest(
            method, path, json=body, params=query or None, headers={**_HEADERS, **(headers or {})}
        )
    except RateLimitExceeded as error:
        again = error.retry_after.total_seconds()
        raise Unavailable(error.response.status_code, f"rate limit, again in {again:.0f} s", max(again, 1.0)) from None
    except RequestFailed as error:
        raise _named(error.response.status_code, _message(error)) from None
    except (RequestError, GitHubException) as error:
        raise Unavailable(0, type(error.__cause__ or error).__name__) from error
    try:
        return msgspec.json.decode(answer.content or b"{}", type=kind)
    except msgspec.MsgspecError as error:
        raise Unavailable(answer.status_code, f"an answer that does not fit: {error}") from error


def _named(status: int, message: str) -> GitHubError:
    kinds: dict[int, type[GitHubError]] = {401: Unauthorized, 403: NotPermitted, 404: NotThere, 410: NotThere}
    return kinds.get(status, Invalid if status < 500 else Unavailable)(status, message)


def _message(error: RequestFailed) -> str:
    try:
        said = error.response.json()
        details = "; ".join(str(item.get("message", item)) for item in said.get("errors", []) if isinstance(item, dict))
        return f"{said.get('message', '')} {details}".strip()
    except (ValueError, AttributeError):
        return error.response.text[:200]
