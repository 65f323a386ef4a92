"""The ``proc-receive`` hook of the demo's repositories: refuses refs with the words that GitHub uses.

git runs it as a program of its own, by the interpreter that runs the demo. Of all hooks only this one can give a
reason for each ref (``! [remote rejected] main -> main (<reason>)``); a ``pre-receive`` hook always says "hook
declined". What it accepts it gives back to git to carry out. The protocol is that of githooks(5).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import BinaryIO

REJECTION = "DEMO_REF_REJECTION"
"""Environment: the reason to reject every ref with; empty for none."""
WORKFLOWS = "DEMO_WORKFLOWS_ALLOWED"
"""Environment: ``1`` where the token may write workflows."""

_SECONDS = 30


def packets(stream: BinaryIO) -> Iterator[bytes]:
    """Read pkt-lines until the flush packet."""
    while (size := int(stream.read(4) or b"0000", 16)) > 0:
        yield stream.read(size - 4)


def packet(line: bytes) -> bytes:
    """Write one pkt-line."""
    return b"%04x%b" % (len(line) + 4, line)


def changed_workflow(new: str) -> str | None:
    """Return a workflow file that the commits new to this repository change, if any."""
    if not new.strip("0"):
        return None
    command = ["git", "log", "-m", "--format=", "--name-only", new, "--not", "--all", "--", ".github/workflows"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_SECONDS).stdout
    return next(iter(found.split("\n")), None) or None


def refusal(new: str) -> str | None:
    """Return the reason to refuse an update to ``new``, or ``None`` to accept it."""
    if reason := os.environ.get(REJECTION):
        return reason
    if os.environ.get(WORKFLOWS) != "1" and (path := changed_workflow(new)):
        return f"refusing to allow a GitHub App to create or update workflow `{path}` without `workflows` permission"
    return None


def main(source: BinaryIO, target: BinaryIO) -> None:
    """Answer one push: negotiate the version, then take or refuse each ref."""
    list(packets(source))
    target.write(packet(b"version=1\x00") + b"0000")
    target.flush()
    for line in list(packets(source)):
        _, new, ref = line.decode().rstrip("\n").split(" ", 2)
        if reason := refusal(new):
            target.write(packet(f"ng {ref} {reason}".encode()))
        else:
            target.write(packet(f"ok {ref}".encode()) + packet(b"option fall-through"))
    target.write(b"0000")
    target.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
