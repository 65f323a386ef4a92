"""The private socket on which the hooks of one agent tell the bot of a moment."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from swarmbot.terminal import send_signal

MOST_BYTES = 200_000


class SignalBox:
    """Takes signals while it is open: ``async with SignalBox(take) as box``.

    ``take`` is called with the bytes of each signal, from the event loop, and must not block. The socket lies in a
    folder of its own that only this user can enter; it is short, because paths of sockets hold 107 bytes at most.
    """

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._folder = ""

    @property
    def command(self) -> tuple[str, ...]:
        """The command that sends a signal; the name of the moment is added, and maybe a payload."""
        # -I -S: quick, and nothing of the repository or of the environment is loaded.
        return (sys.executable, "-I", "-S", str(Path(send_signal.__file__).resolve()), self.path)

    @property
    def path(self) -> str:
        """Path of the socket."""
        return str(Path(self._folder) / "signals")

    async def __aenter__(self) -> SignalBox:
        self._folder = tempfile.mkdtemp(prefix="swarmbot-", dir=_short_folder())
        self._socket.bind(self.path)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self) -> None:
        try:
            data = self._socket.recv(MOST_BYTES)
        except BlockingIOError:
            return
        self._take(data)


def _short_folder() -> str:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    # Under /tmp it is a folder of our own that nobody else can enter.
    return runtime if 0 < len(runtime) < 60 and Path(runtime).is_dir() else "/tmp"  # noqa: S108
