"""git over HTTP: ``git http-backend`` as a CGI program behind a check of the token.

The program sees an environment that is built from an allow-list and a configuration of our own; pushing is switched
on for calls whose token may write contents, and for no others.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import signal
import sys
from pathlib import Path

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from swarmbot.demo.github import receive_hook
from swarmbot.demo.github.access import Access, Token, allows, basic_password
from swarmbot.demo.github.actions import Actions
from swarmbot.demo.github.errors import ApiError
from swarmbot.demo.github.git_objects import branch_heads, environment
from swarmbot.demo.github.state import App, Repository

PATH = re.compile(r"/(?P<name>[^/]+/[^/]+?)(?:\.git)?/(?P<service>info/refs|git-upload-pack|git-receive-pack)")
"""The addresses of git's smart protocol."""

SECONDS = 120.0
"""The longest that one exchange may take; then the program and its children are ended."""

_CHUNK = 64 * 1024
_log = structlog.get_logger()


def install_hook(folder: Path) -> Path:
    """Write the hook that refuses refs into ``folder`` (see ``receive_hook``); returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    hook = folder / "proc-receive"
    program = shlex.join([sys.executable, "-I", "-S", receive_hook.__file__])
    hook.write_text(f"#!/bin/sh\nexec {program}\n", encoding="utf-8")
    hook.chmod(0o700)
    return folder


class GitHttp:
    """Serves the repositories of the demo to git."""

    def __init__(self, actions: Actions, access: Access, app: App, hooks: Path) -> None:
        self._actions, self._access, self._app, self._hooks = actions, access, app, hooks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one exchange of git, as an ASGI application."""
        request = Request(scope, receive, send)
        path, ledger = request.url.path, self._actions.ledger
        play = ledger.next_play(request.method, path)
        try:
            if play is not None:
                raise ApiError(play.status, play.message, headers=play.headers, odd=False)
            repository, token = self._admit(request, path)
            status = await self._exchange(request, send, repository, token)
        except ApiError as refused:
            status = refused.status
            if refused.odd:
                ledger.complain(f"{request.method} {path}: {refused.status} {refused.message}")
            text = PlainTextResponse(refused.message, refused.status, headers=refused.headers)
            ledger.answered(request.method, path, status, "git")
            await text(scope, receive, send)
        except TimeoutError:
            ledger.complain(f"{request.method} {path}: git took longer than {SECONDS:.0f} s and was ended")
            raise
        else:
            ledger.answered(request.method, path, status, "git")

    def _admit(self, request: Request, path: str) -> tuple[Repository, Token]:
        found = PATH.fullmatch(path)
        repository = self._actions.world.repository(found["name"]) if found else None
        password = basic_password(request.headers.get("Authorization", ""))
        if not password:
            # git asks without credentials first, unless it was given them; that is nobody's fault.
            challenge = {"WWW-Authenticate": 'Basic realm="GitHub"'}
            raise ApiError(401, "Authentication required", headers=challenge, odd=False)
        try:
            token = self._access.token(password)
        except ApiError as bad:
            challenge = {"WWW-Authenticate": 'Basic realm="GitHub"'}
            why = self._access.why_refused(password)
            raise ApiError(401, f"Invalid username or token. ({why})", headers=challenge) from bad
        if repository is None or repository not in token.repositories:
            raise ApiError(404, "Repository not found.")
        if _pushes(request):
            self._admit_push(repository, token)
        elif not allows(token.permissions, "contents:read"):
            raise ApiError(403, "Read access to repository not granted.")
        return repository, token

    def _admit_push(self, repository: Repository, token: Token) -> None:
        if not allows(token.permissions, "contents:write"):
            raise ApiError(403, "Write access to repository not granted.")
        if repository.pushes_refused:
            denied = f"Permission to {repository.full_name}.git denied to {self._app.bot.login}."
            raise ApiError(403, denied, odd=False)

    async def _exchange(self, request: Request, send: Send, repository: Repository, token: Token) -> int:
        program = await asyncio.create_subprocess_exec(
            "git",
            "http-backend",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment(request, repository, token),
            start_new_session=True,
        )
        stdin, stdout, stderr = program.stdin, program.stdout, program.stderr
        if stdin is None or stdout is None or stderr is None:
            raise ApiError(500, "git http-backend has no pipes")
        feeding = asyncio.create_task(_feed(request, stdin))
        errors = asyncio.create_task(stderr.read())
        try:
            async with asyncio.timeout(SECONDS):
                status = await _send_head(stdout, send)
                while chunk := await stdout.read(_CHUNK):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await program.wait()
                # Before the last byte goes out, so that whoever pushed finds the push taken note of.
                if _pushes(request):
                    self._actions.pushed(repository, self._app.bot, branch_heads(repository.git))
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            feeding.cancel()
            if program.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(program.pid, signal.SIGKILL)
                await program.wait()
            await asyncio.gather(feeding, return_exceptions=True)
            if said := (await errors).decode(errors="replace").strip():
                _log.warning("demo_git_http", said=said[-2000:])
        return status

    def _environment(self, request: Request, repository: Repository, token: Token) -> dict[str, str]:
        found = PATH.fullmatch(request.url.path)
        service = found["service"] if found else ""
        config = {
            "http.receivepack": "true" if _pushes(request) else "false",
            "uploadpack.allowFilter": "true",
            "uploadpack.allowReachableSHA1InWant": "true",
            "receive.procReceiveRefs": "refs",
            "receive.autogc": "false",
            "core.hooksPath": str(self._hooks),
        }
        cgi = {
            "GIT_PROJECT_ROOT": str(repository.git.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{repository.git.name}/{service}",
            "REQUEST_METHOD": request.method,
            "QUERY_STRING": request.url.query,
            "REMOTE_USER": self._app.bot.login,
            "REMOTE_ADDR": "127.0.0.1",
            receive_hook.REJECTION: repository.ref_rejection or "",
            receive_hook.WORKFLOWS: "1" if allows(token.permissions, "workflows:write") else "0",
            "GIT_CONFIG_COUNT": str(len(config)),
        }
        for number, (key, value) in enumerate(config.items()):
            cgi |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        headers = {
            "CONTENT_TYPE": "Content-Type",
            "CONTENT_LENGTH": "Content-Length",
            "HTTP_CONTENT_ENCODING": "Content-Encoding",
            "GIT_PROTOCOL": "Git-Protocol",
        }
        sent = {name: request.headers[header] for name, header in headers.items() if header in request.headers}
        return {**environment(), **cgi, **sent}


def _pushes(request: Request) -> bool:
    return "git-receive-pack" in (request.query_params.get("service"), request.url.path.rpartition("/")[2])


async def _feed(request: Request, stdin: asyncio.StreamWriter) -> None:
    # The program may stop reading early, and the client may leave; both show elsewhere.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, ClientDisconnect):
        async for chunk in request.stream():
            stdin.write(chunk)
            await stdin.drain()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stdin.close()
        await stdin.wait_closed()


async def _send_head(stdout: asyncio.StreamReader, send: Send) -> int:
    """Read the CGI head and send it on; returns the status. Raises 500 when the program wrote none."""
    try:
        head = await stdout.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as none:
        raise ApiError(500, "git http-backend gave no answer") from none
    status, headers = 200, []
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(": ")
        if name.lower() == "status":
            status = int(value.split(" ", 1)[0])
        elif name:
            headers.append((name.lower().encode(), value.encode("latin-1")))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    return status
