"""How soon a webhook is acknowledged by one ``swarmbot web``, the delivery on disk, beside nginx."""

from __future__ import annotations

import asyncio
import hmac
import json
import shutil
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from redis.asyncio import Redis

from swarmbot.demo.bot import free_port
from swarmbot.demo.github import DemoGitHub
from swarmbot.jobs.embedded_redis import EmbeddedRedis
from tests.bench.environment import bot_environment
from tests.bench.figures import note, run, say
from tests.stories.test_kill import running

CONNECTIONS = 16
ROUNDS, REQUESTS, NGINX_REQUESTS = 5, 2500, 20_000
"""The inbox is emptied between rounds, as a worker does all the time: with 70 MB waiting in it, Redis begins to rewrite
its file in mid-run, and the slowest answers take twice as long."""
PAYLOAD = Path(__file__).parents[1] / "events/payloads/issue_comment-created.json"

_NGINX = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; default_type application/json; return 202 '{{"status":"accepted"}}'; }}
}}
"""


@dataclass(frozen=True)
class Load:
    """What the load generator saw."""

    answers: int
    refused: int
    per_s: float
    p50_ms: float
    p99_ms: float


async def main(folder: Path, wanted: frozenset[str]) -> None:
    github = DemoGitHub(folder / "github")
    request = folder / "request"
    request.write_bytes(_request(github.webhook_secret, PAYLOAD.read_bytes()))
    rounds = await _hook(github, folder, request)
    for ours in rounds:
        note(f"hook: {ours.per_s:.0f} deliveries/s, p50 {ours.p50_ms:.2f} ms, p99 {ours.p99_ms:.2f} ms")
    if "hook_ack_p99_ms" in wanted:
        say("hook_ack_p99_ms", statistics.median(found.p99_ms for found in rounds), "ms")
    if "hook_ack_vs_nginx" not in wanted:
        return
    if (program := shutil.which("nginx")) is None:
        note("hook_ack_vs_nginx is left out: there is no nginx on the PATH")
        return
    async with _nginx(program, folder) as port:
        its = await _load(port, request, NGINX_REQUESTS)
    note(f"nginx: {its.per_s:.0f} answers/s, p99 {its.p99_ms:.2f} ms; the load generator itself may be its limit")
    say("hook_ack_vs_nginx", statistics.median(found.per_s for found in rounds) / its.per_s, "x")


async def _hook(github: DemoGitHub, folder: Path, request: Path) -> list[Load]:
    redis = EmbeddedRedis(folder / "redis")
    await redis.start()
    try:
        environment = bot_environment(github, folder, SWARMBOT_REDIS_URL=redis.url)
        async with running("web", environment) as (_, address), Redis.from_url(redis.url) as client:
            rounds = []
            for _ in range(ROUNDS):
                rounds.append(await _load(urlsplit(address).port or 0, request, REQUESTS))
                await client.flushall()
            return rounds
    finally:
        await redis.stop()


def _request(secret: str, body: bytes) -> bytes:
    """Return a signed delivery as GitHub sends it; ``ID`` stands where each one has its own (it is not signed)."""
    signature = hmac.new(secret.encode(), body, "sha256").hexdigest()
    lines = [
        "POST /webhook HTTP/1.1",
        "Host: 127.0.0.1",
        "User-Agent: GitHub-Hookshot/bench",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "X-GitHub-Event: issue_comment",
        f"X-Hub-Signature-256: sha256={signature}",
        "X-GitHub-Delivery: ID",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _load(port: int, request: Path, requests: int) -> Load:
    """Send ``requests`` after a warm-up. Raises :class:`RuntimeError` unless every one was answered with 202."""
    argv = [str(port), str(CONNECTIONS), str(requests), str(request)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.load", *argv, stdout=asyncio.subprocess.PIPE
    )
    try:
        said, _ = await process.communicate()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    if process.returncode:
        raise RuntimeError(f"the load generator ended with {process.returncode}")
    load = Load(**json.loads(said))
    if load.refused or load.answers != requests:
        raise RuntimeError(f"not all deliveries were taken: {load}")
    return load


@asynccontextmanager
async def _nginx(program: str, folder: Path) -> AsyncIterator[int]:
    """Run nginx on a free port, with a static 202 for everything and nothing of the machine's own configuration."""
    port, config = free_port(), folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, port=port))
    process = await asyncio.create_subprocess_exec(
        program,
        "-p",
        str(folder),
        "-c",
        str(config),
        "-e",
        str(folder / "error.log"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(10):
            while not await _answers(port):  # noqa: ASYNC110 - nginx tells nobody when it listens
                await asyncio.sleep(0.02)
        yield port
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


if __name__ == "__main__":
    run(main, seconds=60)
