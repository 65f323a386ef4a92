"""The demo GitHub on a port, a client that speaks to it as the bot does, and a hook that hears its webhooks."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from swarmbot.demo.github import DemoGitHub, git_objects
from swarmbot.demo.loopback import close

REPO = "/repos/acme/wordcount"


class Client:
    """Calls the REST API with an installation token, a JWT or nothing."""

    def __init__(self, github: DemoGitHub, http: httpx.AsyncClient) -> None:
        self.github = github
        self.http = http
        self.token = ""

    def jwt(self, **claims: Any) -> str:
        now = int(time.time())
        standard = {"iat": now - 60, "exp": now + 540, "iss": str(self.github.app_id)}
        chosen = {key: value for key, value in {**standard, **claims}.items() if value is not None}
        pem = self.github.private_key.encode()
        key = load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(key, RSAPrivateKey)
        return jwt.encode(chosen, key, "RS256")

    async def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, content: bytes | None = None
    ) -> httpx.Response:
        credentials = self.token if token is None else token
        headers = {"Authorization": f"Bearer {credentials}"} if credentials else {}
        url = path if path.startswith("http") else self.github.api_url + path
        if content is None:
            return await self.http.request(method, url, json=body, headers=headers)
        return await self.http.request(method, url, content=content, headers=headers)

    async def mint(self, **body: Any) -> str:
        path = f"/app/installations/{self.github.installation_id}/access_tokens"
        answer = await self.call("POST", path, body, token=self.jwt())
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])


def http_client() -> httpx.AsyncClient:
    """A client for loopback: loading certificates would take longer than most of these tests."""
    return httpx.AsyncClient(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def branch_without_push(github: DemoGitHub, name: str) -> str:
    """Make a branch one commit ahead of main right on the server's disk; returns the commit."""
    bare = ["-C", str(github.repository.git), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    sha = git_objects.git(*bare, "commit-tree", "main^{tree}", "-p", "main", "-m", "Nothing").strip()
    git_objects.git(*bare, "update-ref", f"refs/heads/{name}", sha)
    return sha


class Git:
    """A real git in a folder of its own, with a token that it gives by header."""

    def __init__(self, github: DemoGitHub, folder: Path) -> None:
        self.github = github
        self.folder = folder
        self.url = f"{github.web_url}/acme/wordcount.git"

    async def run(self, *args: str, token: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            **{f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        if token:
            basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
            environment |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "http.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
            }
        return await asyncio.to_thread(
            subprocess.run,
            ["git", *args],
            cwd=cwd or self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    async def commit(self, tree: Path, path: str, text: str) -> str:
        file = tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        await self.run("add", "--all", cwd=tree)
        await self.run("commit", "--quiet", "--message", f"Change {path}", cwd=tree)
        return (await self.run("rev-parse", "HEAD", cwd=tree)).stdout.strip()

    async def branch(self, name: str, token: str, path: str = "notes.txt", text: str = "words\n") -> str:
        """Clone, commit one file on a new branch, push it; returns the commit."""
        tree = self.folder / f"tree-{name.replace('/', '-')}"
        cloned = await self.run("clone", "--quiet", self.url, str(tree), token=token)
        assert cloned.returncode == 0, cloned.stderr
        await self.run("switch", "--quiet", "--create", name, cwd=tree)
        sha = await self.commit(tree, path, text)
        pushed = await self.run("push", "--quiet", "origin", name, token=token, cwd=tree)
        assert pushed.returncode == 0, pushed.stderr
        return sha


class Hook:
    """A web server that takes webhooks down and answers them with ``status``."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.status = 202
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.heard.append((dict(request.headers), await request.body()))
        await Response(status_code=self.status)(scope, receive, send)


@pytest.fixture
async def client(github: DemoGitHub) -> AsyncIterator[Client]:
    """A client that holds a token for everything."""
    async with http_client() as http:
        made = Client(github, http)
        made.token = await made.mint()
        yield made


@pytest.fixture
def git(github: DemoGitHub, tmp_path: Path) -> Git:
    folder = tmp_path / "git"
    folder.mkdir()
    return Git(github, folder)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    made = Hook()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    made.url = f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
    config = uvicorn.Config(made, lifespan="off", ws="none", log_config=None, access_log=False)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    yield made
    await close(server)
