"""The home of a job's agent: the files written into it beforehand, and the usage read from it afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from swarmbot.core.agent_spec import AgentSpec
from swarmbot.core.usage import Tokens, read_usage

MOST_FILES = 200
MOST_BYTES = 50_000_000
"""Of one file that tells usage; a larger one is left out."""

INSTRUCTIONS = ("AGENTS.md", "CLAUDE.md", "GEMINI.md", "CONVENTIONS.md", ".github/copilot-instructions.md")
"""Files of a repository with instructions for agents, as their programs' documents name them."""


def lay_out(home: Path, files: Iterable[tuple[str, str]]) -> None:
    """Write the files of an agent's home; only the bot's user can read them. Raises :class:`OSError`."""
    for name, text in files:
        path = home / name
        # An earlier run of the agent may have left links here, which lead anywhere.
        for part in (path, *path.parents):
            if part == home:
                break
            if part.is_symlink() or part.is_file():
                part.unlink()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            stream.write(text)


def used(spec: AgentSpec, home: Path) -> Tokens:
    """Return what the program wrote down of its usage; nothing where it did not, or where it cannot be read."""
    if spec.usage is None:
        return Tokens()
    return read_usage(spec.usage, _texts(home, spec.usage.files))


def instructions(tree: Path) -> tuple[str, ...]:
    """Return which files with instructions for agents a repository has; links are left out."""
    return tuple(name for name in INSTRUCTIONS if (tree / name).is_file() and not (tree / name).is_symlink())


def litter(spec: AgentSpec, tree: Path) -> frozenset[Path]:
    """Return what lies in the tree's top folder by a name that the program's leftovers have."""
    return frozenset(path for pattern in spec.litter for path in tree.glob(pattern))


def clear_litter(spec: AgentSpec, tree: Path, before: frozenset[Path]) -> None:
    """Remove what the program left behind; ``before`` was there already and stays. Links are removed, not followed."""
    for path in litter(spec, tree) - before:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()


def _texts(home: Path, pattern: str) -> Iterator[str]:
    root = home.resolve()
    for path in sorted(home.glob(pattern))[:MOST_FILES]:
        try:
            # The agent wrote here: a link may lead to any file of the machine.
            if path.resolve().is_relative_to(root) and path.is_file() and path.stat().st_size <= MOST_BYTES:
                yield path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
