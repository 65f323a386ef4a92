"""What is wrong with an agent that is no fault of its work, found in what its program shows. Pure."""

from __future__ import annotations

import re

import msgspec

from swarmbot.core.agent_spec import NEAR_BOTTOM, AgentSpec, FailureKind
from swarmbot.core.menus import strip_borders
from swarmbot.core.screen import Screen


class Trouble(msgspec.Struct, frozen=True):
    """An error that the program shows: its kind, and the row that says it."""

    kind: FailureKind
    text: str


def find_failure(screen: Screen, spec: AgentSpec, *, ended: bool = False) -> Trouble | None:
    """Return the lowest error on the screen; ``ended``: the program has gone, so that all rows count."""
    rows = [row for row in strip_borders(screen.rows) if row.strip()]
    # Further up it was overcome.
    near = "\n".join(rows if ended else rows[-NEAR_BOTTOM:])
    lowest: tuple[int, Trouble] | None = None
    for failure in spec.failure:
        for found in re.finditer(failure.when, near, re.MULTILINE):
            if lowest is None or found.start() > lowest[0]:
                start, end = near.rfind("\n", 0, found.start() + 1) + 1, near.find("\n", found.end())
                row = near[start : end if end >= 0 else None]
                lowest = found.start(), Trouble(failure.kind, " ".join(row.split()))
    return lowest[1] if lowest else None
