"""An agent, described as data: how it is started, given its task, understood on the screen, answered, and left.

The vocabulary is closed: a file with a word that is not in it is refused with the file and the key named. Files come
from ``swarmbot/agents/`` and from the operator; a repository can never bring one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal

import msgspec

MARKS = "❯›▶●◉→"
"""Characters that agents draw in front of the selected row of a menu."""

NEAR_BOTTOM = 15
"""A prompt or an error counts within so many rows from the bottom, blank ones left out: some draw at the top."""

ROWS_BELOW = 3
"""How many rows agents draw under a prompt at most: hints for keys."""

_OPERATOR = re.compile(r"\{operator:(SWARMBOT_[A-Z0-9_]*COMMAND)\}")
# What stands in a path (login.py, auth/login/) is the name of a file to edit and no login.
_REFUSED_ALWAYS = (
    r"\brm\b[^;&|]*\s-(-recursive|\w*r)|\bfind\b[^;&|]*\s-delete\b|\b(mkfs|shred|shutdown|reboot|poweroff)\b",
    r"\bdd\b[^;&|]*\b[io]f=|>\s*/dev/(sd|nvme|vd)|\bgit\b[^;&|]*\s(push|clean\s+-\w*f)\b",
    r"\b(npm|yarn|pnpm|twine|cargo|gem)\s+(publish|upload|push|adduser|login|yank)\b",
    r"\bcurl\b[^;&|]*\s(-d|-F|-T|--data\S*|--form|--upload-file|-X\s*(POST|PUT|PATCH|DELETE))\b",
    r"\bwget\b[^;&|]*\s--post|\b(curl|wget)\b[^;&]*\|\s*(sudo\s+)?(ba|z|da)?sh\b",
    r"\b(scp|sftp|ssh|telnet|ncat|sendmail)\s+\S|\bnc\s+-?\w|\brsync\b[^;&|]*\s\S+:",
    r"(?<![/\w])(log|sign)[ -]?in\b(?![/.]\w)|\bpassword\b|\bpasscode\b",
    r"\b(payment|purchase|billing|credit card)\b",
)

Mode = Literal["interactive", "headless"]
"""``interactive``: the program's own screen, driven key by key. ``headless``: one task, then the program ends."""

Autonomy = Literal["ask", "edits", "full"]
"""What the agent may do without a person: nothing; edit files (commands by rule); everything."""

FailureKind = Literal[
    "login_needed",
    "key_refused",
    "no_credit",
    "rate_limited",
    "model_error",
    "model_unknown",
    "context_full",
    "unreachable",
    "not_permitted",
    "program_broken",
]
"""What can be wrong with an agent that is no fault of its work; each is an ending of its own."""


class AgentSpecError(ValueError):
    """An agent file does not fit the vocabulary; the text names the file, the key and what is allowed."""


class _Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the agent file; a key that is not a field is refused."""


class Program(_Word, frozen=True):
    """The program, and which releases of it the rules of this file were tried on."""

    command: str
    """Looked for in the folder of ``make agents``, then on the operator's PATH."""
    version_args: tuple[str, ...] = ("--version",)
    version: str = r"(\d+\.\d+\.\d+)"
    """A pattern over what the program prints for ``version_args``; its first group is the version."""
    tested: tuple[str, ...] = ()
    """The oldest and the newest release that was driven; empty: none was."""
    install: str = ""
    """The command that installs the newest of them."""


class Credential(_Word, frozen=True):
    """The operator's variables with the key of the model. One must be set; the program gets all that are."""

    any_of: tuple[str, ...]


class AutonomyFlags(_Word, frozen=True):
    """Arguments for each degree of autonomy."""

    ask: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    full: tuple[str, ...] = ()

    def of(self, autonomy: Autonomy) -> tuple[str, ...]:
        """Return the arguments for one degree."""
        return {"ask": self.ask, "edits": self.edits, "full": self.full}[autonomy]


class Start(_Word, frozen=True):
    """How the program is started in one mode. See ``core/agent_launch.py`` for the placeholders."""

    argv: tuple[str, ...]
    """An element that is just ``{autonomy}``, ``{model}``, ``{resume}``, ``{endpoint}`` or ``{memory}`` is replaced by
    the list of that name where it applies, and left out where not."""
    task: Literal["paste", "argument", "file"] = "paste"
    """``paste``: into the composer, confirmed. ``argument``: as ``{task}``. ``file``: in ``{task_file}``, which the
    variable SWARMBOT_TASK_FILE names too."""
    asks: bool = False
    """Without a composer: whether it may ask in its terminal. Of one that cannot, no row is read as a prompt."""
    autonomy: AutonomyFlags = AutonomyFlags()
    model: tuple[str, ...] = ()
    """When a model was asked for; ``{model_name}``."""
    resume: tuple[str, ...] = ()
    """When the home holds an earlier session of this thread."""
    endpoint: tuple[str, ...] = ()
    """When the operator's ``endpoint_variable`` is set."""
    memory: tuple[str, ...] = ()
    """For each file of the repository with instructions for agents; ``{memory_file}``."""
    environment: dict[str, str] = {}


class HomeFile(_Word, frozen=True, rename={"as_json": "json", "as_toml": "toml"}):
    """A file that is written into the home of the job before the start. One of the three forms is its content."""

    path: str
    """Relative to the home."""
    as_json: dict[str, Any] | None = None
    as_toml: dict[str, Any] | None = None
    text: str | None = None
    also: tuple[str, ...] = ()
    """Further paths that get the same content."""
    if_set: str = ""
    """A variable of the operator without which the file is not written."""
    unless_set: str = ""


class Signals(_Word, frozen=True):
    """Which keys of what the program's hooks hand over mean what: dotted paths into JSON; the first found counts."""

    says: tuple[str, ...] = ()
    session: tuple[str, ...] = ()
    sure: bool = False
    """``done`` is only told of a turn that ended well; else an error on the screen counts in spite of it."""


class Rule(_Word, frozen=True):
    """One prompt of the agent that may be answered without a person, and how."""

    name: str
    """Stands in the story, the pull request and ``replay``."""
    when: tuple[str, ...] = ()
    """Patterns that must all be found above the options, near the bottom, white space folded. The rows from the first
    that they need on are the prompt's own words: those tell one prompt from the next and are held against ``refuse``,
    so a rule for commands names a row above the command too."""
    at_cursor: str = ""
    """A pattern for the row that the cursor is on, up to the cursor; for prompts that are no menus."""
    subject: str = ""
    """A pattern for the row above the cursor's, which says what is asked about: it tells one prompt from the next."""
    choose: str = ""
    """The menu option to take, by what it says (numbers and marks are taken off before matching)."""
    keys: tuple[str, ...] = ()
    """What to press where there is no menu."""
    times: int = 1
    """How often in one run the rule may answer; then the prompt becomes a question to people."""
    below: int = ROWS_BELOW
    """How many rows may stand under the prompt at most; a quoted prompt has the composer under it."""
    under: str = ""
    """A pattern for what must stand under the prompt, white space folded; for prompts with much under them."""
    rows: int = NEAR_BOTTOM
    """Within how many rows from the bottom the prompt must stand; blank ones do not count."""
    unless: tuple[str, ...] = ()
    """Patterns over the prompt's words and all its options that leave it to people, such as a path that is not in the
    tree."""
    grants: bool = False
    """The answer permits a change or a command: a person gives it where the autonomy is less than ``needs``."""
    needs: Autonomy = "edits"


class Failure(_Word, frozen=True):
    """How the program shows one kind of error; looked for near the bottom once it stands still or has ended."""

    kind: FailureKind
    when: str
    """A pattern over the rows, anchored on how the program draws its own errors."""


class ScreenSpec(_Word, frozen=True):
    """How the agent's state is told from the rows near the bottom. Patterns see one row each (``^`` and ``$`` hold)."""

    ready: str
    busy: str
    busy_title: str = ""
    """The same in the title of the window."""
    done: str = ""
    says: str = ""
    """How a row begins in which the agent speaks; the last such paragraph before the end is its summary."""
    rows: int = 10
    starting: str = ""
    """What looks ready but may be a program that still begins: it is believed only when it has held for longer."""
    composer: str = ""
    """How the row begins in which tasks are typed; a question that is quoted there is none."""
    below: int = ROWS_BELOW
    """How many rows may stand under a menu that no rule knows."""


class Leave(_Word, frozen=True):
    """How the program is asked to go: a line that is typed, and seconds until it is ended instead."""

    type: str
    within_s: float = 5.0


class Usage(_Word, frozen=True):
    """Where the program writes down the tokens that it used: records in files of its home."""

    files: str
    """A pattern of paths below the home, ``**`` for any depth."""
    records: str = ""
    """Dotted path to the list of records in one JSON document; where there is none, each line is a record."""
    how: Literal["sum", "last"] = "sum"
    """``sum`` over all records; ``last``: each file's last record that tells is its total."""
    unique: str = ""
    """Dotted path; records with an equal value there count once, the last of them."""
    input: tuple[str, ...] = ()
    """Dotted paths, summed: tokens that went to the model, cached ones too."""
    cached: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    cost_usd: tuple[str, ...] = ()


class AgentSpec(_Word, frozen=True, dict=True):
    """One agent. See the fields for the whole vocabulary of an agent file."""

    name: str
    """How people name it: ``/agent fix with <name>``; lower case letters, digits and dashes."""
    title: str
    interactive: Start | None = None
    headless: Start | None = None
    about: str = ""
    program: Program | None = None
    credential: Credential | None = None
    memory_files: tuple[str, ...] = ()
    """The repository's files with instructions that the program reads by itself."""
    endpoint_variable: str = ""
    """The operator's variable with another address of the model's API."""
    litter: tuple[str, ...] = ()
    """What the program leaves behind in the top folder of the tree, by name; ``*`` for any characters. Removed after
    the run unless it was there before."""
    environment: dict[str, str] = {}
    pass_environment: tuple[str, ...] = ()
    """Names of the operator's variables that the program gets beside the key of its model."""
    file: tuple[HomeFile, ...] = ()
    signals: Signals = Signals()
    screen: ScreenSpec | None = None
    leave: Leave | None = None
    rule: tuple[Rule, ...] = ()
    failure: tuple[Failure, ...] = ()
    refuse: tuple[str, ...] = ()
    """Patterns that make a prompt a question to people whatever the rules say; added to the common ones."""
    usage: Usage | None = None
    settle_s: float = 0.15
    """How long a reading of the screen must hold before it is believed."""
    paste_wait_s: float = 0.9
    """Between the paste and the Enter: agents take an Enter that comes with a paste for a part of it."""
    done_settle_s: float = 1.0

    @cached_property
    def refused(self) -> re.Pattern[str]:
        """What no rule may answer: the common list and the agent's own, as one pattern."""
        return re.compile("|".join(f"(?:{p})" for p in (*_REFUSED_ALWAYS, *self.refuse)), re.IGNORECASE)

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The modes that the file describes, the default one first."""
        both: tuple[tuple[Mode, Start | None], ...] = (("interactive", self.interactive), ("headless", self.headless))
        return tuple(mode for mode, start in both if start is not None)

    def start(self, mode: Mode) -> Start:
        """Return how to start in ``mode``, or in the only mode that there is."""
        first, second = (
            (self.interactive, self.headless) if mode == "interactive" else (self.headless, self.interactive)
        )
        found = first or second
        if found is None:
            raise AgentSpecError(f"{self.name}: neither [interactive] nor [headless]")
        return found

    @property
    def operator_settings(self) -> tuple[str, ...]:
        """Names of the operator's variables without which this agent cannot be started."""
        starts = (start for start in (self.interactive, self.headless) if start)
        return tuple(dict.fromkeys(name for start in starts for part in start.argv for name in _OPERATOR.findall(part)))

    @property
    def signalled(self) -> bool:
        """Whether the program tells by a hook of its own when its turn is over."""
        return any("{signal:done}" in text for text in self._texts())

    def _texts(self) -> Iterator[str]:
        for home_file in self.file:
            yield from strings(home_file.as_json)
            yield from strings(home_file.as_toml)
            yield from strings(home_file.text)
        for start in (self.interactive, self.headless):
            yield from start.argv if start else ()


def strings(value: object) -> Iterator[str]:
    """Yield every string in nested lists and tables, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)
