"""Serves one application on loopback, in the running event loop."""

from __future__ import annotations

import asyncio
import socket

import uvicorn
from starlette.types import ASGIApp

_CLOSING_SECONDS = 3


async def listen(app: ASGIApp, port: int = 0) -> tuple[uvicorn.Server, int]:
    """Serve ``app`` on 127.0.0.1 at ``port``, or a free one where it is 0; return the server and its port.

    Raises :class:`OSError` where the port is taken.
    """
    # asyncio sets TCP_NODELAY only where the protocol is named; without it every small answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,
    )
    # `Server.serve` would catch the program's signals and poll; its first part does not.
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    return server, listener.getsockname()[1]


async def close(server: uvicorn.Server) -> None:
    """End a server: no new connections, the calls under way finish or are cut off after ``_CLOSING_SECONDS``.

    uvicorn's own ``shutdown`` does the same in steps of 100 ms, which every test would pay for.
    """
    for listening in server.servers:
        listening.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
    if under_way := set(server.server_state.tasks):
        _, late = await asyncio.wait(under_way, timeout=_CLOSING_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    for listening in server.servers:
        await listening.wait_closed()
