"""Asks GitHub: who may, and whether something that we wanted to make is there already."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from swarmbot.core.model import Repository
from swarmbot.github.client import Client, NotThere


class _Permission(msgspec.Struct):
    permission: str


class _App(msgspec.Struct):
    id: int


class Written(msgspec.Struct):
    """A comment or another thing that was written."""

    id: int
    html_url: str = ""
    body: str | None = None
    performed_via_github_app: _App | None = None
    """The App that wrote a comment; people can write any marker, but not as the App."""


class _Head(msgspec.Struct):
    sha: str


class Pull(msgspec.Struct):
    """A pull request."""

    number: int
    html_url: str
    head: _Head


class _CheckRuns(msgspec.Struct):
    check_runs: list[Written]


async def permission(client: Client, repository: Repository, login: str) -> str:
    """Return ``admin``, ``write``, ``read`` or ``none``. Raises a ``GitHubError``; an error never means yes."""
    path = f"/repos/{repository.full_name}/collaborators/{quote(login, safe='')}/permission"
    try:
        return (await client.call("GET", path, _Permission)).permission
    except NotThere:
        return "none"


async def find_comment(
    client: Client, repository: Repository, number: int, marker: str, *, since: float = 0.0
) -> Written | None:
    """Return the App's own comment on an issue that holds ``marker``.

    Looks through the first 300 that were written or edited after ``since`` (unix seconds).
    """
    moment = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    path = f"/repos/{repository.full_name}/issues/{number}/comments"
    for page in (1, 2, 3):
        found = await client.call("GET", path, list[Written], per_page=100, page=page, since=moment)
        for comment in found:
            by = comment.performed_via_github_app
            if by is not None and by.id == client.app_id and marker in (comment.body or ""):
                return comment
        if len(found) < 100:
            break
    return None


async def find_pull(client: Client, repository: Repository, branch: str) -> Pull | None:
    """Return the open pull request from ``branch``."""
    path = f"/repos/{repository.full_name}/pulls"
    query: dict[str, Any] = {"head": f"{repository.owner}:{branch}", "state": "open"}
    found = await client.call("GET", path, list[Pull], **query)
    return found[0] if found else None


async def find_check(client: Client, repository: Repository, sha: str, name: str) -> Written | None:
    """Return the App's check run of that name on a commit."""
    path = f"/repos/{repository.full_name}/commits/{sha}/check-runs"
    found = await client.call("GET", path, _CheckRuns, check_name=name, app_id=client.app_id)
    return found.check_runs[0] if found.check_runs else None
