"""The command that an agent's hook runs to tell the bot of a moment. It stands alone: the standard library, no imports.

``python send_signal.py SOCKET NAME [PAYLOAD]``; without a payload it is read from the standard input. It prints nothing
and always ends with 0, because programs take what their hooks say for instructions.
"""

import contextlib
import json
import select
import socket
import sys

MOST_BYTES = 60_000
"""Of the payload; a datagram is bounded by the kernel (``net.core.wmem_default``, 212,992)."""

STDIN_S = 1.0
"""How long the payload is waited for: a program that has none may leave the standard input open."""


def read_payload(given: list[str]) -> str:
    """Return the hook's payload: the last argument, or what is on the standard input, cut to ``MOST_BYTES``."""
    if given:
        return given[-1].encode("utf-8", "replace")[:MOST_BYTES].decode("utf-8", "ignore")
    if sys.stdin is None or sys.stdin.isatty() or not select.select([sys.stdin], [], [], STDIN_S)[0]:
        return ""
    return sys.stdin.buffer.read(MOST_BYTES).decode("utf-8", "replace")


def main(arguments: list[str]) -> None:
    """Send one datagram to the socket, in a bounded time."""
    path, name, *given = arguments
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(2)
        sender.connect(path)
        sender.send(
            json.dumps({"name": name, "payload": read_payload(given)}, ensure_ascii=False).encode("utf-8", "replace")
        )


if __name__ == "__main__":
    with contextlib.suppress(Exception):
        main(sys.argv[1:])
