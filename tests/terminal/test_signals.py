"""The private socket: what hooks send arrives, whatever they hand over, and nothing is left of it."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest

from swarmbot.core.agent_spec import Signals
from swarmbot.core.signal import Signal, read_signal
from swarmbot.terminal import send_signal
from swarmbot.terminal.signals import SignalBox

KEYS = Signals(says=("last.message", "text"), session=("id",))


class Taken:
    """What came in, and a wait for more."""

    def __init__(self) -> None:
        self.news: asyncio.Queue[bytes] = asyncio.Queue()

    async def signal(self) -> Signal | None:
        return read_signal(await asyncio.wait_for(self.news.get(), 10), KEYS)


async def run(*argv: str, stdin: bytes | None = b"") -> tuple[int, bytes]:
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate(stdin)
    return process.returncode or 0, said


async def test_a_hook_that_is_handed_json_on_its_standard_input() -> None:
    taken = Taken()
    async with SignalBox(taken.news.put_nowait) as box:
        payload = json.dumps({"last": {"message": "All is “well”."}, "id": "s-1"}).encode()
        assert await run(*box.command, "done", stdin=payload) == (0, b"")
        assert await taken.signal() == Signal("done", says="All is “well”.", session="s-1")


async def test_a_hook_that_is_handed_json_as_its_last_argument() -> None:
    taken = Taken()
    async with SignalBox(taken.news.put_nowait) as box:
        assert await run(*box.command, "failed", json.dumps({"text": "no", "id": 3})) == (0, b"")
        assert await taken.signal() == Signal("failed", says="no")


@pytest.mark.parametrize("payload", [b"", b"no json", b"[1]", b"\xff\xfe", b"x" * 500_000])
async def test_a_payload_that_says_nothing_is_still_a_signal(payload: bytes) -> None:
    taken = Taken()
    async with SignalBox(taken.news.put_nowait) as box:
        await run(*box.command, "submitted", stdin=payload)
        assert await taken.signal() == Signal("submitted")


async def test_the_socket_is_private_short_and_gone_afterwards() -> None:
    async with SignalBox(lambda _: None) as box:
        folder = Path(box.path).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert len(box.path.encode()) < 108
        command = box.command
    assert not folder.exists()
    assert await run(*command, "done") == (0, b""), "a late hook must neither fail nor speak"


@pytest.mark.parametrize("data", [b"", b"{}", b'{"name": "shout"}', b"\xff", b'{"name": "done", "payload": 3}'])
def test_what_is_no_signal_is_none(data: bytes) -> None:
    assert read_signal(data, KEYS) is None


def test_a_payload_is_bounded() -> None:
    assert len(send_signal.read_payload(["x" * 1_000_000])) == send_signal.MOST_BYTES
