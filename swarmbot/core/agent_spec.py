"""An agent, described as data: how it is started, given its task, understood on the screen, answered, and left.

The vocabulary is closed: a file with a word that is not in it is refused with the file and the key named. Files come
from ``swarmbot/agents/`` and from the operator; a repository can never bring one.
"""

from __future__ import annotations

import re
import tomllib
from functools import cached_property
from typing import Literal

import msgspec

from swarmbot.core.screen import KEYS

MARKS = "❯›▶●◉"
"""Characters that agents draw in front of the selected row of a menu."""

ROWS_BELOW = 3
"""How many rows agents draw under a prompt at most: hints for keys."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_OPERATOR = re.compile(r"operator:(SWARMBOT_[A-Z0-9_]*COMMAND)")
_PLAIN_PLACEHOLDERS = frozenset({"python", "task_file"})
# What stands in a path (login.py, auth/login/) is the name of a file to edit and no login.
_REFUSED_ALWAYS = (
    r"\brm\s+-\w*r|\bmkfs\b|\bdd\s+if=|\bshutdown\b|\bgit\s+push\b",
    r"(?<![/\w])(log|sign)[ -]?in\b(?![/.]\w)|\bpassword\b|\bpasscode\b",
    r"\b(payment|purchase|billing|credit card)\b",
)


class AgentSpecError(ValueError):
    """An agent file does not fit the vocabulary; the text names the file, the key and what is allowed."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One prompt of the agent that may be answered without a person, and how."""

    name: str
    """Stands in the story, the pull request and ``replay``."""
    when: tuple[str, ...] = ()
    """Patterns that must all be found above the options, near the bottom, white space folded. The rows from the first
    that they need on are the prompt's own words: those tell one prompt from the next and are held against ``refuse``,
    so a rule for commands names a row above the command too."""
    at_cursor: str = ""
    """A pattern for the row that the cursor is on, up to the cursor; for prompts that are no menus."""
    choose: str = ""
    """The menu option to take, by what it says (numbers and marks are taken off before matching)."""
    keys: tuple[str, ...] = ()
    """What to press where there is no menu."""
    times: int = 1
    """How often in one run the rule may answer; then the prompt becomes a question to people."""
    below: int = ROWS_BELOW
    """How many rows may stand under the prompt at most; a quoted prompt has the composer under it."""


class ScreenSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the agent's state is told from the rows near the bottom. Patterns see one row each (``^`` and ``$`` hold)."""

    ready: str
    busy: str
    done: str = ""
    says: str = ""
    """How a row begins in which the agent speaks; the last such paragraph before the end is its summary."""
    rows: int = 10


class Leave(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the program is asked to go: a line that is typed, and seconds until it is ended instead."""

    type: str
    within_s: float = 5.0


class AgentSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One agent. See the fields for the whole vocabulary of an agent file."""

    name: str
    """How people name it: ``/agent fix with <name>``; lower case letters, digits and dashes."""
    title: str
    argv: tuple[str, ...]
    """Placeholders: ``{python}``, ``{task_file}``, ``{operator:SWARMBOT_..._COMMAND}`` (a variable of the operator)."""
    task: Literal["paste", "file"] = "paste"
    """``paste``: into the composer, confirmed. ``file``: in the file that the variable SWARMBOT_TASK_FILE names."""
    about: str = ""
    install: str = ""
    """What to tell an operator whose machine does not have the program."""
    environment: dict[str, str] = {}
    pass_environment: tuple[str, ...] = ()
    """Names of the operator's variables that the program gets, such as the key of its model."""
    screen: ScreenSpec | None = None
    leave: Leave | None = None
    rule: tuple[Rule, ...] = ()
    refuse: tuple[str, ...] = ()
    """Patterns that make a prompt a question to people whatever the rules say; added to the common ones."""
    settle_s: float = 0.15
    """How long a reading of the screen must hold before it is believed."""
    paste_wait_s: float = 0.9
    """Between the paste and the Enter: agents take an Enter that comes with a paste for a part of it."""
    done_settle_s: float = 1.0

    @cached_property
    def refused(self) -> re.Pattern[str]:
        """What no rule may answer: the common list and the agent's own, as one pattern."""
        return re.compile("|".join(f"(?:{p})" for p in (*_REFUSED_ALWAYS, *self.refuse)), re.IGNORECASE)

    def command(self, *, python: str, task_file: str, operator: dict[str, str]) -> list[str]:
        """Return the argv to start; ``operator`` is the operator's environment.

        Raises :class:`AgentSpecError` when a variable that the file names is not set.
        """

        def value(found: re.Match[str]) -> str:
            word = found.group(1)
            if word == "python":
                return python
            if word == "task_file":
                return task_file
            name = word.removeprefix("operator:")
            if not operator.get(name):
                raise AgentSpecError(f"The agent {self.name} needs the setting {name}; set it and restart the worker.")
            return operator[name]

        return [_PLACEHOLDER.sub(value, part) for part in self.argv]

    @property
    def operator_settings(self) -> tuple[str, ...]:
        """Names of the operator's variables without which this agent cannot be started."""
        return tuple(name for part in self.argv for name in _OPERATOR.findall(part))


def parse(text: str, *, source: str) -> AgentSpec:
    """Read one agent file. ``source`` is the name used in errors. Raises :class:`AgentSpecError`."""
    try:
        spec = msgspec.convert(tomllib.loads(text), AgentSpec)
    except tomllib.TOMLDecodeError as error:
        raise AgentSpecError(f"{source}: not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise AgentSpecError(f"{source}: {error}") from error
    for key, complaint in _complaints(spec):
        raise AgentSpecError(f"{source}: {key}: {complaint}")
    return spec


def _complaints(spec: AgentSpec) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", spec.name):
        found.append(("name", "lower case letters, digits and single dashes only"))
    if not spec.argv:
        found.append(("argv", "must name a program"))
    for word in (word for part in spec.argv for word in _PLACEHOLDER.findall(part)):
        if word not in _PLAIN_PLACEHOLDERS and not _OPERATOR.fullmatch(word):
            found.append(("argv", f"unknown placeholder {{{word}}}"))
    if spec.task == "paste" and (spec.screen is None or spec.leave is None):
        found.append(("task", '"paste" needs the tables [screen] and [leave]'))
    for rule in spec.rule:
        found += [(f"rule {rule.name}", complaint) for complaint in _rule_complaints(rule)]
    patterns = [("refuse", p) for p in spec.refuse]
    patterns += [(f"rule {r.name}", p) for r in spec.rule for p in (*r.when, r.at_cursor, r.choose)]
    if spec.screen:
        patterns += [("screen", p) for p in (spec.screen.ready, spec.screen.busy, spec.screen.done, spec.screen.says)]
    return found + [(key, problem) for key, pattern in patterns if (problem := _pattern_problem(pattern))]


def _rule_complaints(rule: Rule) -> list[str]:
    found = []
    if bool(rule.choose) == bool(rule.keys):
        found.append("needs either choose or keys")
    if not rule.when and not rule.at_cursor:
        found.append("needs when or at_cursor")
    if rule.keys and not rule.at_cursor:
        found.append("keys need at_cursor, so that prose which quotes the prompt is never answered")
    if not 1 <= rule.times <= 200:
        found.append("times must be from 1 to 200")
    found += [f"unknown key {key!r}; named keys are {', '.join(KEYS)}, or one character"
              for key in rule.keys if key not in KEYS and len(key) != 1]  # fmt: skip
    return found


def _pattern_problem(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        return f"not a pattern: {pattern!r}: {error}"
    return ""
