"""What one screen says, read with an agent's patterns: busy, ready, done, a prompt with its menu. Pure.

A reading holds only what decides. Two screens that differ in a spinner give equal readings, so the session can ask
"has the reading held?" where asking "is the screen still?" would wait for an animation to end.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from swarmbot.core.agent_spec import AgentSpec
from swarmbot.core.menus import compiled, strip_borders, top_of_bottom
from swarmbot.core.prompts import Finder, Prompt
from swarmbot.core.screen import Screen


class Reading(msgspec.Struct, frozen=True):
    """All that the session needs to know of one screen."""

    busy: bool = False
    ready: bool = False
    starting: bool = False
    """It looks ready, but may still begin."""
    done_marks: int = 0
    """How many lines say that a task is done; more than before the task was sent is evidence."""
    prompt: Prompt | None = None


def title_is_busy(screen: Screen, spec: AgentSpec) -> bool:
    """Whether the window's title says that the agent is at work."""
    pattern = spec.screen.busy_title if spec.screen else ""
    return bool(pattern and compiled(pattern).match(screen.title))


def _prompt(rows: Sequence[str], screen: Screen, spec: AgentSpec) -> Prompt | None:
    # Where the cursor is hidden, nothing is typed at it.
    return Finder(rows, screen.cursor if screen.cursor_visible else (0, len(rows)), spec).find()


def read_plain(screen: Screen, spec: AgentSpec, *, asks: bool) -> Reading:
    """Read the output of a program that shows no composer: it is at work until it ends, or until it ``asks``."""
    prompt = _prompt(strip_borders(screen.rows), screen, spec) if asks else None
    return Reading(busy=prompt is None, prompt=prompt)


def read(screen: Screen, spec: AgentSpec) -> Reading:
    """Read ``screen`` as the agent ``spec`` draws it in its interactive mode."""
    if spec.screen is None:
        return read_plain(screen, spec, asks=True)
    rows = strip_borders(screen.rows)
    prompt = _prompt(rows, screen, spec)
    near = "\n".join(rows[top_of_bottom(rows, spec.screen.rows) :])
    return Reading(
        busy=prompt is None and bool(compiled(spec.screen.busy).search(near)),
        ready=bool(compiled(spec.screen.ready).search(near)),
        starting=bool(spec.screen.starting and compiled(spec.screen.starting).search(near)),
        done_marks=len(compiled(spec.screen.done).findall("\n".join(rows))) if spec.screen.done else 0,
        prompt=prompt,
    )


def summary(screen: Screen, spec: AgentSpec) -> str:
    """Return what the agent said last, one paragraph without its mark; empty where the spec does not tell."""
    if spec.screen is None or not spec.screen.says:
        return ""
    says = compiled(spec.screen.says)
    starts = [index for index, row in enumerate(screen.rows) if says.match(row)]
    if not starts:
        return ""
    rows = [screen.rows[starts[-1]]]
    for row in screen.rows[starts[-1] + 1 :]:
        if not row.startswith(" "):
            break
        rows.append(row)
    return " ".join(says.sub("", "\n".join(rows), count=1).split())
