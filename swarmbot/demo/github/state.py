"""What the demo GitHub knows: users, the App, repositories, threads, pull requests and check runs.

Plain data with look-ups and no I/O. The things are live objects: a story that holds a ``Comment`` sees its text
change. Every thing has an ``id`` that is unique over all kinds, so that claims can be kept by it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

ROLES = ("none", "read", "triage", "write", "maintain", "admin")
"""Repository roles, weakest first."""

REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")
"""The eight contents that a reaction may have."""

_CLOSING = r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:{repository})?#{number}\b"


class User(msgspec.Struct, eq=False, kw_only=True):
    """A person, an organisation, or the bot user of an App."""

    id: int
    login: str
    type: Literal["User", "Bot", "Organization"] = "User"


class App(msgspec.Struct, eq=False, kw_only=True):
    """The GitHub App: what it may do at most, what it hears of, and the key that its JWTs are checked with."""

    id: int
    slug: str
    public_key: str
    owner: User
    bot: User
    permissions: dict[str, str]
    events: frozenset[str]
    created_at: datetime


class Label(msgspec.Struct, eq=False, kw_only=True):
    """A label of a repository."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


class Repository(msgspec.Struct, eq=False, kw_only=True):
    """A repository: its bare git repository on disk, who may do what, its threads and check runs."""

    id: int
    owner: User
    name: str
    git: Path
    created_at: datetime
    default_branch: str = "main"
    private: bool = False
    roles: dict[str, str] = {}
    """Login in lower case -> one of ``ROLES``."""
    labels: dict[str, Label] = {}
    """Name in lower case -> label."""
    threads: dict[int, Issue] = {}
    """Number -> issue or pull request; both share one numbering."""
    comments: dict[int, Comment] = {}
    check_runs: dict[int, CheckRun] = {}
    heads: dict[str, str] = {}
    """Branch -> commit, as of the last push that was seen."""
    pushes_refused: bool = False
    """Every push is answered with 403, as for a token whose write access was withdrawn."""
    ref_rejection: str | None = None
    """The reason with which every ref of a push is rejected, as by a protected branch."""

    @property
    def full_name(self) -> str:
        """``owner/name``."""
        return f"{self.owner.login}/{self.name}"

    def role(self, login: str) -> str:
        """Return the role of a user here; ``none`` for whoever was given none."""
        return self.roles.get(login.lower(), "none")

    def may(self, login: str, least: str) -> bool:
        """Tell whether a user has the role ``least`` or a stronger one."""
        return ROLES.index(self.role(login)) >= ROLES.index(least)

    def pulls(self) -> list[Pull]:
        """Return all pull requests, oldest first."""
        return [thread for thread in self.threads.values() if isinstance(thread, Pull)]

    def next_number(self) -> int:
        """Return the number that the next issue or pull request gets."""
        return max(self.threads, default=0) + 1


class Reaction(msgspec.Struct, eq=False, kw_only=True):
    """One reaction of one user to a comment or to a thread's first post."""

    id: int
    user: User
    content: str
    created_at: datetime
    on: Issue | Comment


class Issue(msgspec.Struct, eq=False, kw_only=True):
    """An issue; a pull request is one as well (see ``Pull``)."""

    id: int
    repository: Repository
    number: int
    title: str
    body: str | None
    author: User
    created_at: datetime
    updated_at: datetime
    state: Literal["open", "closed"] = "open"
    state_reason: str | None = None
    closed_at: datetime | None = None
    labels: list[Label] = []
    assignees: list[User] = []
    comments: list[Comment] = []
    reactions: list[Reaction] = []


class Comment(msgspec.Struct, eq=False, kw_only=True):
    """A comment in a thread."""

    id: int
    issue: Issue
    author: User
    body: str
    created_at: datetime
    updated_at: datetime
    reactions: list[Reaction] = []
    deleted: bool = False


class Pull(Issue, eq=False, kw_only=True):
    """A pull request: an issue with two branches."""

    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    draft: bool = False
    maintainer_can_modify: bool = False
    requested_reviewers: list[User] = []
    commits: int = 0
    additions: int = 0
    deletions: int = 0
    changed_files: int = 0

    def closes(self, issue: Issue) -> bool:
        """Tell whether merging this closes ``issue``: a closing keyword before its number, in title or body."""
        name = re.escape(issue.repository.full_name)
        pattern = _CLOSING.format(repository=name, number=issue.number)
        return re.search(pattern, f"{self.title}\n{self.body or ''}", re.IGNORECASE) is not None

    def check(self, name: str) -> str | None:
        """Return the conclusion of the newest check run ``name`` on the head, ``None`` while there is none."""
        runs = [run for run in self.repository.check_runs.values() if run.head_sha == self.head_sha]
        found = [run for run in runs if run.name == name]
        return found[-1].conclusion if found else None


class CheckRun(msgspec.Struct, eq=False, kw_only=True):
    """A check run on one commit."""

    id: int
    suite_id: int
    repository: Repository
    name: str
    head_sha: str
    status: str = "queued"
    conclusion: str | None = None
    details_url: str | None = None
    external_id: str = ""
    started_at: datetime | None = None
    completed_at: datetime | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[dict[str, Any]] = []
    actions: list[dict[str, str]] = []


class Change(msgspec.Struct, eq=False, kw_only=True):
    """Something that an App did to a thread besides commenting: a label, a new title, closing it."""

    id: int
    issue: Issue
    author: User
    text: str


class Installation(msgspec.Struct, eq=False, kw_only=True):
    """The App on an account: the repositories and permissions that it was given there."""

    id: int
    account: User
    permissions: dict[str, str]
    events: frozenset[str]
    created_at: datetime
    repositories: list[Repository] = []


class World:
    """All that exists, with the clock that stamps it and the ids that it hands out."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.now = clock
        self.users: dict[str, User] = {}
        self.repositories: dict[str, Repository] = {}
        self.installations: dict[int, Installation] = {}
        self._ids = itertools.count(1_000_001)

    def next_id(self) -> int:
        """Return an id that nothing else has."""
        return next(self._ids)

    def user(self, login: str) -> User | None:
        """Find a user; logins are not case-sensitive."""
        return self.users.get(login.lower())

    def make_user(self, login: str, kind: Literal["User", "Bot", "Organization"] = "User") -> User:
        """Return the user ``login``, who is made if there is none."""
        if found := self.user(login):
            return found
        made = User(id=self.next_id(), login=login, type=kind)
        self.users[login.lower()] = made
        return made

    def repository(self, full_name: str) -> Repository | None:
        """Find a repository by ``owner/name``, not case-sensitive."""
        return self.repositories.get(full_name.lower())

    def label(self, repository: Repository, name: str) -> Label:
        """Return the label of a repository, which is made if there is none, as GitHub does when one is added."""
        key = name.lower()
        if key not in repository.labels:
            repository.labels[key] = Label(id=self.next_id(), name=name)
        return repository.labels[key]
