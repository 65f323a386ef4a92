"""Which texts are branch names, and how the bot names its own branches."""

from __future__ import annotations

import re

from swarmbot.workspace.errors import InvalidBranch

_REFUSED = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|^[-./]|[./]$|^@$|^HEAD$|^refs/")
_LONGEST = 200
"""UTF-8 bytes; a ref is a file, and a name of 255 bytes with ``.lock`` behind it fits no folder."""


def check_branch(name: str) -> str:
    """Return ``name`` if it can be a branch's name, else raise :class:`InvalidBranch`.

    The rules are those of git-check-ref-format(1). Beyond them a leading ``-`` (an option), ``HEAD``, ``refs/`` and
    white space outside ASCII are refused: people and programs read them as something else.
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidBranch(name) from None
    if (
        not 0 < size <= _LONGEST
        or _REFUSED.search(name)
        or any(not char.isprintable() or char.isspace() for char in name)
    ):
        raise InvalidBranch(name)
    return name


def branch_name(number: int, job: str, agent: str | None = None) -> str:
    """Return the branch of a job on issue ``number``: ``swarmbot/<number>-<job>[-<agent>]``.

    Raises :class:`InvalidBranch` when job or agent do not fit into a branch's name.
    """
    return check_branch("-".join([f"swarmbot/{number}", job, *([agent] if agent else [])]))
