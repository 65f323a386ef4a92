"""The web server: the hook and the few pages beside it, on uvicorn inside an event loop that somebody else runs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Generator

import structlog
import uvicorn
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from swarmbot import __version__
from swarmbot.intake.hook import Hook

log = structlog.get_logger()

READY_S = 2.0
"""Seconds within which Redis must answer for the process to count as ready."""
SETUP_DOCS = "https://docs.github.com/apps/creating-github-apps/registering-a-github-app/registering-a-github-app"

_FRONT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>swarmbot</title>
<h1>swarmbot {version}</h1>
<p>A GitHub App that turns <code>/agent fix</code> on an issue into a pull request. It listens for webhooks at
<code>/webhook</code>.</p>
<p>Not set up yet? <code>swarmbot check</code> says what is missing, and the README how to register the App; the
form that GitHub asks for is <a href="{docs}">described here</a>.</p>
</html>
"""


class AddressInUse(Exception):
    """The address to listen on cannot be had; the message says which and what to change."""


def create_app(hook: Hook, redis: Redis) -> Starlette:
    """Return the ASGI application: ``/webhook``, ``/healthz`` (this process lives), ``/readyz`` (Redis answers), ``/``.

    ``redis`` is used for ``/readyz`` only. The application has no lifespan: who wires it opens and closes its parts.
    """
    return Starlette(
        routes=[
            # An instance and not a function, so Starlette hands it the raw ASGI call for every method.
            Route("/webhook", hook),
            Route("/healthz", _healthz),
            Route("/readyz", _readyz(redis)),
            Route("/", _front),
        ]
    )


async def _healthz(request: Request) -> Response:
    return JSONResponse({"status": "alive"})


def _readyz(redis: Redis) -> Callable[[Request], Awaitable[Response]]:
    async def readyz(request: Request) -> Response:
        try:
            async with asyncio.timeout(READY_S):
                await redis.ping()
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("not ready", cause=str(error))
            # The error's text may name addresses; its kind is enough for whoever asks from outside.
            reason = f"Redis does not answer ({type(error).__name__})"
            return JSONResponse({"status": "not ready", "reason": reason}, status_code=503)
        return JSONResponse({"status": "ready"})

    return readyz


async def _front(request: Request) -> Response:
    return HTMLResponse(_FRONT.format(version=__version__, docs=SETUP_DOCS))


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals alone: the caller has more to stop than this server."""
        yield


async def serve(app: ASGIApp, host: str, port: int, ready: Callable[[int], None], *, grace_s: int = 10) -> None:
    """Serve ``app`` until this task is cancelled; then requests under way get ``grace_s`` seconds to end.

    ``ready`` is called once with the bound port (``port`` 0 lets the system choose) when requests can come. Runs in
    whichever loop calls it; uvloop is the caller's to choose. Raises `AddressInUse`.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=grace_s,
    )
    server = _Server(config)
    # Connections wait in the listener's backlog from here on, so there is no moment at which one is turned away.
    running = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        ready(listener.getsockname()[1])
        await asyncio.shield(running)
    finally:
        server.should_exit = True
        await running
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise AddressInUse(
            f"cannot listen on {host} port {port} ({error.strerror}): stop what uses it, or choose another port"
        ) from error
    # Accepted connections inherit it; asyncio itself sets it only where the socket's protocol number says TCP.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
