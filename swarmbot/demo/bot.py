"""The bot of a demo: ``swarmbot up`` in a process of its own, with the demo GitHub's App and models on loopback."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
from redis.asyncio import Redis

from swarmbot.demo.github import DemoGitHub
from swarmbot.jobs.embedded_redis import socket_path
from swarmbot.jobs.store import JobStore

START_S = 20.0
"""How long the bot may take to start."""

KEY = "a-key-of-the-demo-opens-nothing"

AGENTS = Path(__file__).parent / "agents"
"""Folder of the demo's own agent files."""

_FIX = Path(__file__).parent / "fix.sh"


class DemoFailed(Exception):
    """The demo could not be shown; the text says at what point and why."""


def model_variables(url: str) -> dict[str, str]:
    """Return the variables that lead the programs of agents to the demo's model at ``url``; its keys are no secrets."""
    keys = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY")
    addresses = {"ANTHROPIC_BASE_URL": url, "GOOGLE_GEMINI_BASE_URL": url}
    return addresses | dict.fromkeys(("OPENAI_BASE_URL", "OPENAI_API_BASE"), f"{url}/v1") | dict.fromkeys(keys, KEY)


@asynccontextmanager
async def running_bot(github: DemoGitHub, agent: str, folder: Path, model: dict[str, str]) -> AsyncIterator[JobStore]:
    """Run ``swarmbot up`` for the body; ``model`` are the variables that lead agents to their model.

    Raises :class:`DemoFailed` when it does not start.
    """
    port = free_port()
    environment = bot_environment(github, agent, folder, port) | model
    with (folder / "bot.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "swarmbot", "up", env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        await _wait_until_ready(process, f"http://127.0.0.1:{port}/readyz", folder / "bot.log")
        github.hook_url = f"http://127.0.0.1:{port}/webhook"
        redis: Redis = Redis(unix_socket_path=str(socket_path((folder / "bot" / "redis").resolve())))
        async with redis:
            yield JobStore(redis)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


def bot_environment(github: DemoGitHub, agent: str, folder: Path, port: int) -> dict[str, str]:
    """Return the environment of a bot whose GitHub is ``github``; the App's key is written into ``folder``."""
    key, hook_secret = folder / "app.pem", folder / "webhook-secret"
    for path, text in ((key, github.private_key), (hook_secret, github.webhook_secret)):
        path.touch(mode=0o600)
        path.write_text(text)
    kept = {
        name: os.environ[name]
        for name in (
            "PATH",
            "HOME",
            "TMPDIR",
            "XDG_RUNTIME_DIR",
            "SWARMBOT_PROGRAMS",
            "SWARMBOT_AGENTS_CACHE",
            "XDG_CACHE_HOME",
        )
        if name in os.environ
    }
    return kept | {
        "LANG": "C.UTF-8",
        "SWARMBOT_HOME": str(folder / "bot"),
        "SWARMBOT_APP_ID": str(github.app_id),
        "SWARMBOT_PRIVATE_KEY_FILE": str(key),
        "SWARMBOT_WEBHOOK_SECRET_FILE": str(hook_secret),
        "SWARMBOT_GITHUB_API_URL": github.api_url,
        "SWARMBOT_GITHUB_URL": github.web_url,
        "SWARMBOT_PORT": str(port),
        "SWARMBOT_DEFAULT_AGENT": agent,
        "SWARMBOT_AGENTS_DIR": str(AGENTS),
        "SWARMBOT_SHELL_COMMAND": f"sh '{_FIX}'",
        "SWARMBOT_SANDBOX": "off",
    }


async def _wait_until_ready(process: asyncio.subprocess.Process, url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
        while time.monotonic() < deadline and process.returncode is None:
            with suppress(httpx.HTTPError):
                if (await client.get(url)).status_code == 200:
                    return
            await asyncio.sleep(0.02)
    tail = (await asyncio.to_thread(log.read_text, errors="replace"))[-2000:]
    raise DemoFailed(f"the bot did not start:\n{tail}")


def free_port() -> int:
    """Return a port on loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
