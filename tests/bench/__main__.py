"""Runs the benches, each in a process of its own: ``python -m tests.bench [NAME OF A FIGURE ...]``.

A process each, because some figures are a process's own memory and processor time. What a bench leaves behind, also
one that was killed, is ended and removed here.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from swarmbot.terminal.processes import find_family, process

BENCHES: dict[str, tuple[str, ...]] = {
    "up": ("up_ready_s", "up_rss_mb"),
    "hook": ("hook_ack_p99_ms", "hook_ack_vs_nginx"),
    "workspace": ("workspace_cold_vs_cp", "workspace_8_at_once_errors"),
    "session": ("session_mb_per_s", "prompt_to_answer_p50_ms"),
    "spinners": ("spinners_50_cpu_percent", "spinner_rss_kb"),
    "jobs": ("webhook_to_agent_ms", "agent_to_pull_request_ms", "api_calls_per_job"),
    "crash": ("crash_to_rerun_s",),
}
"""Module -> the figures that it measures. The order is that of running: the first wants an idle machine."""

SECONDS = 240.0
"""For the whole run. A bench that is under way then is ended, and the rest is left out."""
ENDING_S = 15.0
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 4 * 1024**3
"""Free memory from which on the workspace is measured there: on a disk, minutes of writing back what the copy before
left are part of the next one, and the same ``cp`` was seen to take 0.5 s and 13 s. Memory is the stricter measure: what
git does beside writing files weighs more."""

_PR_SET_CHILD_SUBREAPER = 36


def main(names: list[str]) -> int:
    """Run the benches of the figures ``names`` (none: all); 0 if each measured what it should."""
    known = [figure for figures in BENCHES.values() for figure in figures]
    if unknown := sorted(set(names) - set(known)):
        print(f"No such figure: {', '.join(unknown)}. There are: {', '.join(known)}.", file=sys.stderr)
        return 2
    # What loses its parent becomes a child of this process, and is found.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, _interrupt)
    until = time.monotonic() + SECONDS
    failed = []
    for module, figures in BENCHES.items():
        wanted = [figure for figure in figures if not names or figure in names]
        if wanted and not _run(module, wanted, until):
            failed.append(module)
    if failed:
        print(f"Not measured to the end: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _run(module: str, wanted: list[str], until: float) -> bool:
    print(f"{module}: {', '.join(wanted)}", file=sys.stderr, flush=True)
    began = time.monotonic()
    where = MEMORY if module == "workspace" and _has_memory() else None
    with tempfile.TemporaryDirectory(prefix="swarmbot-bench-", dir=where, ignore_cleanup_errors=True) as folder:
        bench = subprocess.Popen(
            [sys.executable, "-m", f"tests.bench.{module}", *wanted], env={**os.environ, "TMPDIR": folder}
        )
        try:
            return bench.wait(max(0.0, until - time.monotonic())) == 0
        except subprocess.TimeoutExpired:
            print(f"  the {SECONDS:.0f} s of the whole run are over", file=sys.stderr)
            return False
        finally:
            _end(bench)
            print(f"  {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)


def _has_memory() -> bool:
    return os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES


def _end(bench: subprocess.Popen[bytes]) -> None:
    if bench.poll() is None:
        bench.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            bench.wait(ENDING_S)
    me = process(os.getpid())
    left = [found for found in find_family(me, "no mark") if found.pid != me.pid] if me else []
    for found in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while left and os.waitpid(-1, 0):
            pass


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
