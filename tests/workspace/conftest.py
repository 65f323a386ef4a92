"""A git server with one small repository, and a mirror of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from swarmbot.workspace.checkout import Checkout, check_out
from swarmbot.workspace.mirror import Mirror
from swarmbot.workspace.remote import Remote
from swarmbot.workspace.result import Identity

from .git_server import GitServer

FILES = {
    "README.md": "# Demo\n",
    "src/add.py": "def add(a, b):\n    return a - b\n",
    "src/run.sh": "#!/bin/sh\necho hi\n",
    "docs/guide.txt": "one\r\ntwo\r\n",
    ".gitignore": "*.log\nbuild/\n",
}

BOT = Identity("swarmbot[bot]", "1+swarmbot[bot]@users.noreply.github.com")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

MakeCheckout = Callable[..., Coroutine[Any, Any, Checkout]]


@pytest.fixture(scope="session")
def small_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare repository with ``FILES``, made once and copied for each test."""
    with GitServer(tmp_path_factory.mktemp("made")) as maker:
        folder = maker.repository("demo")
        maker.commit("demo", FILES)
    return folder


@pytest.fixture
def server(tmp_path: Path, small_repository: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as running:
        shutil.copytree(small_repository, running.folder / "demo.git")
        yield running


@pytest.fixture
def remote(server: GitServer) -> Remote:
    return Remote(server.url("demo"), server.token)


@pytest.fixture
def mirror(tmp_path: Path, remote: Remote) -> Mirror:
    return Mirror(tmp_path / "mirrors" / "demo.git", remote)


@pytest.fixture
def make_checkout(tmp_path: Path, mirror: Mirror) -> MakeCheckout:
    """Fetch and check out the head of a branch (main) into a folder of its own."""

    async def make(name: str = "job", branch: str = "main") -> Checkout:
        await mirror.fetch()
        sha = await mirror.resolve(branch)
        return await check_out(mirror, sha, tmp_path / "jobs" / name, branch=f"swarmbot/7-{name}")

    return make
