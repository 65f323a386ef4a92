"""How soon a checkout of 20,000 files is ready, beside ``cp -r`` of the same tree, and whether 8 at once all work."""

from __future__ import annotations

import asyncio
import random
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from swarmbot.workspace.checkout import check_out
from swarmbot.workspace.disk import remove_folder
from swarmbot.workspace.errors import WorkspaceError
from swarmbot.workspace.mirror import Mirror
from swarmbot.workspace.remote import Remote
from tests.bench.figures import note, run, say
from tests.workspace.git_server import GitServer, plain_git

FILES, FOLDERS = 20_000, 400
PAIRS = 7
AT_ONCE = 8


async def main(folder: Path, wanted: frozenset[str]) -> None:
    with GitServer(folder / "served") as server:
        bare = server.repository("large")
        await asyncio.to_thread(_import, bare, _commit(FILES, parent=False))
        mirror = Mirror(folder / "mirrors" / "large.git", Remote(server.url("large"), server.token))
        await mirror.fetch()
        if "workspace_cold_vs_cp" in wanted:
            say("workspace_cold_vs_cp", await _against_cp(mirror, folder), "x")
        if "workspace_8_at_once_errors" in wanted:
            # News, so that the fetches have something to do.
            await asyncio.to_thread(_import, bare, _commit(100, parent=True))
            say("workspace_8_at_once_errors", await _at_once(mirror, folder / "jobs"), "errors")


async def _against_cp(mirror: Mirror, folder: Path) -> float:
    """Return the median time of a checkout by that of a copy, taken in turn."""
    sha = await mirror.resolve("main")
    source = folder / "source"
    await check_out(mirror, sha, folder / "first", branch="swarmbot/0-first")
    (folder / "first" / "tree").rename(source)
    await remove_folder(source / ".git")
    checkouts, copies = [], []
    for number in range(PAIRS):
        to, copy = folder / "checkout", folder / "copy"
        began = time.perf_counter()
        await check_out(mirror, sha, to, branch=f"swarmbot/{number}-bench")
        checkouts.append(time.perf_counter() - began)
        began = time.perf_counter()
        await _copy(source, copy)
        copies.append(time.perf_counter() - began)
        await remove_folder(to)
        await remove_folder(copy)
    note(f"checkouts {_listed(checkouts)} s, cp -r {_listed(copies)} s")
    return statistics.median(checkouts) / statistics.median(copies)


async def _copy(source: Path, copy: Path) -> None:
    # Waited for by the event loop, as git is: `subprocess.run` with a time limit looks only every 50 ms.
    process = await asyncio.create_subprocess_exec("cp", "-r", str(source), str(copy))
    if await process.wait():
        raise RuntimeError("cp failed")


def _listed(seconds: list[float]) -> str:
    return ", ".join(f"{found:.2f}" for found in seconds)


async def _at_once(mirror: Mirror, jobs: Path) -> int:
    """Fetch and check out as so many jobs do, each with a mirror object of its own; return how many went wrong."""
    began = time.perf_counter()
    done = await asyncio.gather(*(_job(mirror, jobs / str(number)) for number in range(AT_ONCE)))
    note(f"{AT_ONCE} at once: {time.perf_counter() - began:.1f} s")
    return sum(not found for found in done)


async def _job(mirror: Mirror, folder: Path) -> bool:
    own = Mirror(mirror.folder, mirror.remote)
    try:
        await own.fetch()
        checkout = await check_out(own, await own.resolve("main"), folder, branch=f"swarmbot/8-{folder.name}")
    except (WorkspaceError, OSError) as error:
        note(f"checkout {folder.name}: {error}")
        return False
    changed = await asyncio.to_thread(plain_git, "status", "--porcelain", cwd=checkout.tree)
    return not changed


def _commit(files: int, *, parent: bool) -> Iterator[bytes]:
    """Give a commit of so many text files of 0.2 to 6 KB for ``git fast-import``, the same ones in every run.

    They compress as source code does, to about a third: most of a checkout's time is decompressing.
    """
    dice = random.Random(FILES + parent)
    words = [dice.randbytes(dice.randint(1, 5)).hex() for _ in range(130)]
    yield b"commit refs/heads/main\ncommitter Ann <ann@example.com> 1790000000 +0000\ndata 4\nwork\n"
    if parent:
        yield b"from refs/heads/main^0\n"
    for number in range(files):
        lines = (" ".join(dice.choices(words, k=6)) for _ in range(dice.randint(5, 150)))
        text = "\n".join(lines).encode()
        yield b"M 100644 inline part%03d/file%05d.txt\ndata %d\n%s\n" % (number % FOLDERS, number, len(text), text)


def _import(bare: Path, stream: Iterator[bytes]) -> None:
    argv = ["git", "-C", str(bare), "fast-import", "--quiet", "--force"]
    subprocess.run(argv, input=b"".join(stream), check=True, timeout=60)


if __name__ == "__main__":
    run(main, seconds=90)
