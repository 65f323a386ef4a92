"""A small load generator for one request: keep-alive connections, each sending the next one when it has its answer.

``python -m tests.bench.load PORT CONNECTIONS REQUESTS FILE``: the file holds the request, with ``ID`` where each one is
numbered. Prints a JSON line.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httptools
import uvloop

WARM_UP = 500
"""Requests before those that count."""
ID = b"00000000-0000-4000-8000-%012d"


class Tally:
    """What the connections share: the numbers to send, and how long each answer took."""

    def __init__(self, requests: int) -> None:
        self.numbers: Iterator[int] = iter(range(WARM_UP + requests))
        self.seconds: list[float] = []
        self.began = 0.0
        self.refused: list[int] = []
        self.open = 0
        self.over = asyncio.get_running_loop().create_future()

    def add(self, number: int, seconds: float, status: int) -> None:
        if status != 202:
            self.refused.append(status)
        if number >= WARM_UP:
            self.began = self.began or time.perf_counter() - seconds
            self.seconds.append(seconds)


class Connection(asyncio.Protocol):
    """One connection; the parser calls ``on_message_complete`` when an answer is whole."""

    def __init__(self, tally: Tally, head: bytes, tail: bytes) -> None:
        self._tally, self._head, self._tail = tally, head, tail
        self._number, self._sent = 0, 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._tally.open += 1
        self._send()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self._tally.add(self._number, now - self._sent, self._parser.get_status_code())
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._tally.open -= 1
        if self._tally.open == 0 and not self._tally.over.done():
            self._tally.over.set_result(None)

    def _send(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        number = next(self._tally.numbers, None)
        if number is None:
            self._transport.close()
            return
        self._number, self._sent = number, time.perf_counter()
        self._transport.write(self._head + ID % number + self._tail)


async def main(port: int, connections: int, requests: int, request: bytes) -> None:
    head, tail = request.split(b"ID", 1)
    tally = Tally(requests)
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Connection(tally, head, tail), "127.0.0.1", port)
    await tally.over
    took = time.perf_counter() - tally.began
    points = statistics.quantiles(tally.seconds, n=100)
    found = {"answers": len(tally.seconds), "refused": len(tally.refused), "per_s": len(tally.seconds) / took}
    print(json.dumps({**found, "p50_ms": points[49] * 1000, "p99_ms": points[98] * 1000}))


if __name__ == "__main__":
    where, at_once, how_many = map(int, sys.argv[1:4])
    uvloop.run(main(where, at_once, how_many, Path(sys.argv[4]).read_bytes()))
