"""The demo GitHub in the words of its users: what people do, what can be seen, and what a story claims.

Everything here works without a server as well; ``DemoGitHub`` adds the addresses. Methods that send a webhook are
coroutines; the webhook goes out in the background, and ``settled`` waits for its answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from swarmbot.demo.github import git_objects
from swarmbot.demo.github import repository as demo_repository
from swarmbot.demo.github.actions import Actions
from swarmbot.demo.github.ledger import Call, Ledger, Play, Said
from swarmbot.demo.github.state import (
    ROLES,
    Change,
    CheckRun,
    Comment,
    Installation,
    Issue,
    Pull,
    Reaction,
    Repository,
    User,
    World,
)
from swarmbot.demo.github.webhooks import Delivery, Webhooks

Found = TypeVar("Found")
PATIENCE = 20.0
"""Seconds that a story waits for something by default."""


class Story:
    """One GitHub with one installation of the App; ``repository`` is the one that a story is about by default."""

    def __init__(
        self,
        world: World,
        actions: Actions,
        webhooks: Webhooks,
        installation: Installation,
        folder: Path,
    ) -> None:
        self.world = world
        self.installation = installation
        self.ledger: Ledger = actions.ledger
        self._actions = actions
        self._webhooks = webhooks
        self._folder = folder
        self.repository = self.add_repository(f"{installation.account.login}/wordcount")

    # What there is.

    def add_repository(self, full_name: str) -> Repository:
        """Make a repository with the demo's project in it, which the App is installed on."""
        owner, _, name = full_name.partition("/")
        made = Repository(
            id=self.world.next_id(),
            owner=self.world.make_user(owner, "Organization"),
            name=name,
            git=self._folder / owner / f"{name}.git",
            created_at=self.world.now(),
        )
        made.git.parent.mkdir(parents=True, exist_ok=True)
        sha = demo_repository.build(made.git)
        made.heads = {made.default_branch: sha}
        self.world.repositories[full_name.lower()] = made
        self.installation.repositories.append(made)
        return made

    def user(self, login: str, permission: str = "write", repository: Repository | None = None) -> User:
        """Make a user, or give one another role (one of ``ROLES``) in a repository."""
        if permission not in ROLES:
            raise ValueError(f"{permission} is no role; roles are {', '.join(ROLES)}")
        (repository or self.repository).roles[login.lower()] = permission
        return self.world.make_user(login)

    def _person(self, login: str) -> User:
        found = self.world.user(login)
        if found is None:
            raise ValueError(f"there is no user {login} at the demo GitHub; make one with github.user({login!r})")
        return found

    # What people do.

    async def issue(self, title: str, body: str = "", by: str = "maintainer", labels: tuple[str, ...] = ()) -> Issue:
        """Open an issue."""
        return self._actions.open_issue(self.repository, self._person(by), title, body, list(labels))

    async def comment(self, issue: Issue, text: str, by: str = "maintainer") -> Comment:
        """Comment on an issue or pull request."""
        return self._actions.comment(issue, self._person(by), text)

    async def edit_comment(self, comment: Comment, text: str, by: str | None = None) -> None:
        """Edit a comment; its author does so unless ``by`` names another person."""
        self._actions.edit_comment(comment, self._person(by or comment.author.login), text)

    async def delete_comment(self, comment: Comment, by: str | None = None) -> None:
        """Delete a comment."""
        self._actions.delete_comment(comment, self._person(by or comment.author.login))

    async def label(self, issue: Issue, name: str, by: str = "maintainer") -> None:
        """Put a label on a thread. Raises ``PermissionError`` below the role triage, as GitHub would not let them."""
        self._actions.add_labels(issue, self._triager(issue, by), [name])

    async def unlabel(self, issue: Issue, name: str, by: str = "maintainer") -> None:
        """Take a label off a thread. Raises ``ValueError`` when it is not on it."""
        person = self._triager(issue, by)
        for label in issue.labels:
            if label.name.lower() == name.lower():
                self._actions.remove_label(issue, person, label)
                return
        raise ValueError(f"#{issue.number} has no label {name}")

    async def edit_issue(self, issue: Issue, title: str | None = None, body: str | None = None) -> None:
        """Change title or text of a thread; its author does so."""
        self._actions.edit_issue(issue, issue.author, title=title, body=body)

    async def close(self, issue: Issue, by: str = "maintainer") -> None:
        """Close an issue or pull request."""
        self._actions.edit_issue(issue, self._triager(issue, by), state="closed")

    def _triager(self, issue: Issue, login: str) -> User:
        person = self._person(login)
        if person is not issue.author and not issue.repository.may(login, "triage"):
            raise PermissionError(f"GitHub lets nobody below triage do that, and {login} is below")
        return person

    # What can be seen.

    def comments(self, issue: Issue) -> list[Comment]:
        """The comments of a thread, oldest first."""
        return list(issue.comments)

    def pull(self, number: int) -> Pull:
        """The pull request with that number. Raises ``KeyError``."""
        found = self.repository.threads[number]
        if not isinstance(found, Pull):
            raise KeyError(f"#{number} is an issue, no pull request")
        return found

    def pulls(self) -> list[Pull]:
        """All pull requests, oldest first."""
        return self.repository.pulls()

    def check_runs(self, sha: str | None = None) -> list[CheckRun]:
        """The check runs of a commit, or all of them, oldest first."""
        runs = self.repository.check_runs.values()
        return [run for run in runs if sha in (None, run.head_sha)]

    def reactions(self, thing: Comment | Issue) -> list[Reaction]:
        """The reactions to a comment or to the first post of a thread."""
        return list(thing.reactions)

    def branches(self) -> dict[str, str]:
        """Every branch with the commit at its tip."""
        return git_objects.branch_heads(self.repository.git)

    def diff(self, pull: Pull) -> str:
        """The diff of a pull request."""
        return git_objects.diff(pull.repository.git, pull.base_sha, pull.head_sha)

    def file(self, ref: str, path: str) -> str:
        """A file's text at a branch or commit. Raises ``GitError`` when there is none."""
        return git_objects.file_at(self.repository.git, ref, path)

    def commit_file(self, branch: str, path: str, text: str) -> str:
        """Let somebody commit a file to a branch; return the commit's sha. No webhook is sent for a push."""
        return demo_repository.commit_file(self.repository.git, branch, path, text)

    def run_tests(self, ref: str) -> tuple[bool, str]:
        """Run the repository's tests at a branch or commit: whether they passed, and their output."""
        return demo_repository.run_tests(self.repository.git, ref)

    # What goes wrong on request.

    def fail(
        self,
        method: str,
        path: str,
        *,
        status: int = 500,
        times: int = 1,
        headers: Mapping[str, str] | None = None,
        message: str = "Server Error",
        carried_out: bool = False,
    ) -> None:
        """Answer the next ``times`` calls of ``method`` (``*``: any) on a path that matches with an error.

        ``path`` is a regular expression, searched for in the path without the API's prefix (``/comments$``) or in
        git's (``git-receive-pack$``). With ``carried_out`` an API call does its work first, as when the answer is
        lost on the way.
        """
        play = Play(
            method=method,
            path=re.compile(path),
            status=status,
            times=times,
            headers=dict(headers or {}),
            message=message,
            carried_out=carried_out,
        )
        self.ledger.play(play)

    def refuse_pushes(self, *, refuse: bool = True, repository: Repository | None = None) -> None:
        """Answer every push with 403 from now on, or no longer."""
        (repository or self.repository).pushes_refused = refuse

    def reject_refs(
        self, reason: str | None = "protected branch hook declined", repository: Repository | None = None
    ) -> None:
        """Have git reject every ref of a push with this reason from now on; ``None`` takes that back."""
        (repository or self.repository).ref_rejection = reason

    # Webhooks.

    @property
    def hook_url(self) -> str | None:
        """Where webhooks go; ``None`` makes every delivery fail."""
        return self._webhooks.url

    @hook_url.setter
    def hook_url(self, url: str | None) -> None:
        self._webhooks.url = url

    @property
    def deliveries(self) -> list[Delivery]:
        """The log of webhook deliveries, oldest first."""
        return self._webhooks.log

    async def ping(self) -> None:
        """Send the ``ping`` event."""
        self._webhooks.ping()

    async def redeliver(self, guid: str) -> Delivery:
        """Send a delivery again under its old guid and wait for the answer. Raises ``KeyError``."""
        for delivery in reversed(self._webhooks.log):
            if delivery.guid == guid:
                again = self._webhooks.redeliver(delivery)
                await again.done.wait()
                return again
        raise KeyError(f"there was no delivery {guid}")

    async def settled(self) -> None:
        """Return when every delivery so far was answered or has failed."""
        await self._webhooks.settled()

    # What the App said, and what the story expects of it.

    @property
    def calls(self) -> list[Call]:
        """Every HTTP call so far, in the order of the answers."""
        return self.ledger.calls

    async def wait_for(
        self,
        predicate: Callable[[], Found],
        timeout: float = PATIENCE,  # noqa: ASYNC109
    ) -> Found:
        """Return the first true value of ``predicate``, asked after every change.

        After ``timeout`` seconds ``AssertionError`` tells all that was said so far.
        """
        return await self.ledger.wait_for(predicate, timeout)

    async def next_comment(
        self,
        issue: Issue,
        containing: str = "",
        timeout: float = PATIENCE,  # noqa: ASYNC109
    ) -> Comment:
        """Wait for the first comment of the App on a thread that was never claimed, and claim it as it stands."""

        def fits(said: Said) -> Comment | None:
            fitting = isinstance(said, Comment) and said.issue is issue and containing in said.body
            return said if fitting and isinstance(said, Comment) else None

        return await self._next(fits, timeout)

    async def next_pull(self, timeout: float = PATIENCE) -> Pull:  # noqa: ASYNC109
        """Wait for the first pull request of the App that was never claimed, and claim it."""
        return await self._next(lambda said: said if isinstance(said, Pull) else None, timeout)

    async def next_check(self, *, completed: bool = True, timeout: float = PATIENCE) -> CheckRun:  # noqa: ASYNC109
        """Wait for the first check run that was never claimed (and is completed), and claim it."""

        def fits(said: Said) -> CheckRun | None:
            if isinstance(said, CheckRun) and (said.status == "completed" or not completed):
                return said
            return None

        return await self._next(fits, timeout)

    async def next_reaction(self, thing: Comment | Issue, timeout: float = PATIENCE) -> Reaction:  # noqa: ASYNC109
        """Wait for the App's first reaction to ``thing`` that was never claimed, and claim it."""
        return await self._next(lambda said: said if isinstance(said, Reaction) and said.on is thing else None, timeout)

    async def next_edit(self, comment: Comment, containing: str = "", timeout: float = PATIENCE) -> Comment:  # noqa: ASYNC109
        """Wait until a claimed comment says something else (with ``containing`` in it), and claim that text."""
        await self.wait_for(lambda: self.ledger.is_changed(comment) and containing in comment.body, timeout=timeout)
        self.claim(comment)
        return comment

    async def _next(self, fits: Callable[[Said], Found | None], patience: float) -> Found:
        def first() -> tuple[Said, Found] | None:
            for said in self.ledger.said:
                if self.ledger.is_new(said) and (found := fits(said)) is not None:
                    return said, found
            return None

        pair = await self.wait_for(first, timeout=patience)
        assert pair is not None  # noqa: S101 - wait_for returns true values only
        self.claim(pair[0])
        return pair[1]

    def changes(self, issue: Issue) -> list[Change]:
        """What the App did to a thread besides commenting: labels, closing it."""
        return [said for said in self.ledger.said if isinstance(said, Change) and said.issue is issue]

    def claim(self, thing: Said) -> None:
        """Say that this was expected, as it now stands; when it changes, it has to be claimed again."""
        self.ledger.claim(thing)

    def unclaimed(self) -> list[str]:
        """Describe what the App said and nobody claimed."""
        return self.ledger.unclaimed()

    def complaints(self) -> list[str]:
        """Odd requests: unknown routes and fields, wrong credentials, broken limits."""
        return list(self.ledger.complaints)

    def assert_nothing_unexpected(self) -> None:
        """Raise ``UnexpectedWords`` with everything that is unclaimed or odd, if anything is."""
        self.ledger.assert_nothing_unexpected()
