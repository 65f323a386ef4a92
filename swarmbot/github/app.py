"""Signs in as the GitHub App: its own JWT, tokens for installations, and clients that use them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec
import structlog
from githubkit import AppAuthStrategy, GitHub
from githubkit.cache import MemCacheStrategy

from swarmbot import __version__
from swarmbot.github.client import TRIES, Client, GitHubError, Nothing, Token, Unauthorized, Unavailable, send

log = structlog.get_logger()

JOB_PERMISSIONS = {"contents": "write", "issues": "write", "pull_requests": "write", "checks": "write"}
"""What a job's token may do, in the one repository of the job."""
DISPATCH_PATIENCE_S, JOB_PATIENCE_S = 5.0, 120.0
"""A dispatcher has others to serve and takes a delivery up again later; a job would lose its work."""


class _Minted(msgspec.Struct):
    token: str
    expires_at: datetime


class GitHubApp:
    """The App. Use it as a context manager: it keeps the connections to GitHub open."""

    def __init__(self, app_id: int, private_key: str, api_url: str) -> None:
        self.app_id = app_id
        common: dict[str, Any] = {
            "base_url": api_url,
            "user_agent": f"swarmbot/{__version__}",
            "timeout": httpx.Timeout(30, connect=10),
            "http_cache": False,
            # The library's own retries sleep for as long as GitHub says, an hour perhaps.
            "auto_retry": False,
            # The library's own is shared by the process, where a JWT of one key would be found under another.
            "cache_strategy": MemCacheStrategy(),
        }
        self._as_app = GitHub(AppAuthStrategy(app_id, private_key), **common)
        self._plain: GitHub[Any] = GitHub(None, **common)
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
        """Return a client for all that the installation may do; its token is kept. Raises a ``GitHubError``."""
        token = self._tokens.get(installation_id)
        if token is None or token.ends_soon:
            token = await self._mint_shared(installation_id)
        mint = partial(self._mint_shared, installation_id)
        return Client(self._plain, token, self.app_id, mint, patience_s=DISPATCH_PATIENCE_S)

    @asynccontextmanager
    async def for_job(self, installation_id: int, repository_id: int) -> AsyncIterator[Client]:
        """Give a client whose token works for one repository and is revoked at the end. Raises a ``GitHubError``."""
        request = {"repository_ids": [repository_id], "permissions": JOB_PERMISSIONS}
        mint = partial(self._mint, installation_id, request)
        client = Client(self._plain, await mint(), self.app_id, mint, patience_s=JOB_PATIENCE_S)
        try:
            yield client
        finally:
            client.close()
            await self._revoke(client.token)

    async def _revoke(self, token: Token) -> None:
        headers = {"Authorization": f"Bearer {token.value}"}
        try:
            await send(self._plain, "DELETE", "/installation/token", Nothing, headers=headers)
        except GitHubError as error:
            log.warning("token not revoked", installation=token.installation_id, error=str(error))

    async def _mint_shared(self, installation_id: int) -> Token:
        self._tokens[installation_id] = await self._mint(installation_id, {})
        return self._tokens[installation_id]

    async def _mint(self, installation_id: int, request: Mapping[str, Any]) -> Token:
        path = f"/app/installations/{installation_id}/access_tokens"
        for turn in range(1, TRIES + 1):
            try:
                minted = await send(self._as_app, "POST", path, _Minted, request)
                return Token(minted.token, minted.expires_at.timestamp(), installation_id)
            except Unauthorized as error:
                why = "it does not accept the App's key: look at SWARMBOT_APP_ID, the key and this machine's clock"
                raise Unavailable(401, f"{why} ({error.message})") from None
            except Unavailable as error:
                if turn == TRIES or error.again_s > DISPATCH_PATIENCE_S:
                    raise
                await asyncio.sleep(error.again_s or turn)
        raise AssertionError  # the last turn returns or raises
