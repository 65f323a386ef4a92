"""The client for Redis that the bot's processes share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import TimeoutError as RedisTimeout

AGAIN_S = 2.0
"""Between two tries of a loop to reach Redis, beyond those that the client makes by itself."""
PATIENCE_S = 10.0
"""How long one answer may take; a blocking read asks for less."""


def connect(url: str) -> Redis:
    """Return a client that tries again for some seconds while the server restarts. Raises ValueError for a bad address.

    A command that was sent and not answered is sent again: what must not happen twice is a script that sees to it.
    """
    retry = Retry(ExponentialBackoff(cap=1.0, base=0.05), 10)
    pool = ConnectionPool.from_url(
        url, retry=retry, retry_on_error=[RedisGone, RedisTimeout], socket_timeout=PATIENCE_S
    )
    pool.connection_class = type("Connection", (_Cancellable, pool.connection_class), {})
    return Redis.from_pool(pool)


class _Cancellable(AbstractConnection):
    """A connection on which a cancellation is never lost.

    redis-py 5.3 sends within ``asyncio.wait_for``, which up to Python 3.11 forgets a cancellation that comes in the
    moment in which the sending is done (python/cpython#81839): measured here, two of a hundred. The task that was to
    end then runs on, and whoever waits for its end waits for ever. So the time limit is kept by ``asyncio.timeout``.
    """

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """Send a command. Raises what the library raises."""
        if not self.is_connected:
            await self.connect()  # type: ignore[no-untyped-call]
        patience, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(patience):
                await super().send_packed_command(command, check_health)
        except TimeoutError:
            await self.disconnect(nowait=True)
            raise RedisTimeout("Redis took no command in time") from None
        finally:
            self.socket_timeout = patience
