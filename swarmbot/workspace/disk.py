"""Removes folders that an agent may have filled: deep, read-only, with names of any kind."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

_LONGEST_S = 300.0


async def remove_folder(folder: Path) -> None:
    """Remove ``folder`` with everything in it, following no link; nothing happens if there is none.

    Folders without write or search permission are opened up first if that is what it takes. Raises :class:`OSError`
    when something stays. ``rm`` does the work, as :func:`shutil.rmtree` fails on trees deeper than Python's stack.
    """
    if not _exists(folder):
        return
    if await _run("rm", "-rf", "--", str(folder)) is not None:
        await _run("chmod", "-R", "u+rwX", "--", str(folder))
        if said := await _run("rm", "-rf", "--", str(folder)):
            raise OSError(f"{folder} cannot be removed: {said}")


def _exists(folder: Path) -> bool:
    return os.path.lexists(folder)


async def _run(*argv: str) -> str | None:
    """Run a program; return None when it worked, else what it said. It ends with the task that waits for it."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    )
    try:
        async with asyncio.timeout(_LONGEST_S):
            _, err = await process.communicate()
    except TimeoutError:
        return f"{argv[0]} did not finish in {_LONGEST_S:g} s"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return (err.decode(errors="replace").strip() or f"{argv[0]} failed") if process.returncode else None
