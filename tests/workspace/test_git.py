from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from swarmbot.workspace.errors import GitError, GitTimeout
from swarmbot.workspace.git import git

HANG = ("-c", "alias.hang=!trap '' TERM; sleep 4321 & echo up >&2; sleep 4321; sleep 4321", "hang")


def sleepers() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cmdline").read_bytes() == b"sleep\x004321\0":
                found.append(int(entry.name))
        except OSError:
            continue
    return found


async def test_bytes_that_are_no_utf8_come_through() -> None:
    odd = os.fsdecode(b"a\xff")
    said = await git("stripspace", stdin=f"{odd}\n\n\n")
    assert os.fsencode(said) == b"a\xff\n"


async def test_a_failure_says_which_command_and_why() -> None:
    with pytest.raises(GitError, match="git cat-file ended with 128: fatal: not a git repository") as failed:
        await git("cat-file", "-t", "HEAD", git_dir=Path("/nonexistent"))
    assert (failed.value.command, failed.value.code) == ("cat-file", 128)


async def test_after_its_time_git_ends_with_all_that_it_started() -> None:
    with pytest.raises(GitTimeout, match=r"not finished after 0\.3 s\. up"):
        await git(*HANG, seconds=0.3)
    assert sleepers() == []


async def test_a_cancelled_git_ends_with_all_that_it_started() -> None:
    task = asyncio.create_task(git(*HANG))
    async with asyncio.timeout(20):
        while not sleepers():  # noqa: ASYNC110
            # A poll: no event tells that a grandchild runs. So early, the start itself is often cancelled.
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sleepers() == []
