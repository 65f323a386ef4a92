"""How soon ``swarmbot up`` is ready, and how much memory it takes at rest."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from pathlib import Path

from swarmbot.terminal.processes import find_family, process
from tests.bench import bot
from tests.bench.figures import note, run, say

STARTS = 5
REST_S = 3.0


async def main(folder: Path, wanted: frozenset[str]) -> None:
    preparing = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.environment", str(folder), stdout=asyncio.subprocess.PIPE
    )
    environment, _ = await preparing.communicate()
    seconds: list[float] = []
    for number in range(STARTS if "up_ready_s" in wanted else 1):
        async with bot.up(json.loads(environment)) as running:
            seconds.append(running.ready_s)
            if number == 0 and "up_rss_mb" in wanted:
                await asyncio.sleep(REST_S)
                say("up_rss_mb", _memory(running.pid), "MB")
    if "up_ready_s" in wanted:
        note(f"web and worker ready after {', '.join(f'{found:.2f}' for found in seconds)} s, the first with no data")
        say("up_ready_s", statistics.median(seconds), "s")


def _memory(pid: int) -> float:
    """Return the proportional memory in MB of a process and all below it."""
    leader = process(pid)
    if leader is None:
        raise RuntimeError("the bot has ended")
    total = 0
    for member in find_family(leader, "no mark"):
        share, resident = _rollup(member.pid, "Pss"), _rollup(member.pid, "Rss")
        note(f"{Path(f'/proc/{member.pid}/exe').readlink().name}: {share / 1024:.1f} MB, resident {resident // 1024}")
        total += share
    return total / 1024


def _rollup(pid: int, field: str) -> int:
    """Return a field of proc(5) ``smaps_rollup`` in KB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise RuntimeError(f"smaps_rollup has no {field}")


if __name__ == "__main__":
    run(main, seconds=60)
