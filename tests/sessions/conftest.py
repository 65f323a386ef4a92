"""What the tests of sessions share: a project with a fault, sessions with the demo agent, a shell in a terminal."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from swarmbot.sessions import (
    AgentSessions,
    SessionInfo,
)
from swarmbot.terminal.processes import process

TOP = Path(__file__).parents[2]
README = TOP / "README.md"
DEMO = TOP / "swarmbot" / "demo" / "agents"
BOUND_S = 60.0
FAULTY = '''\
def average_length(text: str) -> float:
    """Return the average length of the words of a text."""
    words = text.split()
    return sum(len(word) for word in words) / len(words)
'''
GUARD = "if not words:"
TASK = "Fix the crash on an empty file"
QUESTION = "Which database should the new table go to?"
DATABASES = ("The main database", "The reporting database", "A new database")
KEYED = """
name = "keyed"
title = "Keyed agent"
[program]
command = "sh"
install = "pip install keyed"
[credential]
any_of = ["KEYED_API_KEY"]
[headless]
argv = ["{program}", "-c", "{task}"]
task = "argument"
[usage]
files = "usage/*.jsonl"
input = ["in"]
output = ["out"]
"""

Open = Callable[..., AgentSessions]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return project(tmp_path / "project")


def project(folder: Path) -> Path:
    folder.mkdir()
    (folder / "stats.py").write_text(FAULTY)
    return folder


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "SWARMBOT_DEMO_PACE": "0.3", **more}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache, of this test alone."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "swarmbot" / "sessions"


@pytest.fixture
def agents_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "agents"
    folder.mkdir()
    (folder / "demo.toml").write_text((DEMO / "demo.toml").read_text())
    (folder / "keyed.toml").write_text(KEYED)
    return folder


@pytest.fixture
def opened(agents_dir: Path) -> Open:
    """Make sessions with the demo agent; ``mode`` is the demo agent's."""

    def make(*, mode: str = "fix", **options: Any) -> AgentSessions:
        options.setdefault("environment", environment(SWARMBOT_DEMO_MODE=mode))
        return AgentSessions(agents_dir=agents_dir, **options)

    return make


@pytest_asyncio.fixture
async def sessions(opened: Open) -> AsyncIterator[AgentSessions]:
    async with asyncio.timeout(BOUND_S), opened(max_sessions=3) as sessions:
        yield sessions


async def shell(sessions: AgentSessions, tree: Path, script: str, **options: Any) -> SessionInfo:
    return await sessions.spawn_command(["sh", "-c", script], tree=tree, **options)


def gone(pid: int) -> bool:
    found = process(pid)
    return found is None or found.dead
