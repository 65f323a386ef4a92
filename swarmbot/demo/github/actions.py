"""Everything that can happen at the demo GitHub. Each action changes the state, tells it, and sends its webhooks.

The API (what the App does) and the story (what people do) both come through here, so that a thing is the same
whoever did it, and the bot hears of its own words as it does at GitHub.
"""

from __future__ import annotations

from typing import Any, Literal

from swarmbot.demo.github import git_objects
from swarmbot.demo.github.ledger import Ledger
from swarmbot.demo.github.shapes import Shapes
from swarmbot.demo.github.state import (
    Change,
    CheckRun,
    Comment,
    Issue,
    Label,
    Pull,
    Reaction,
    Repository,
    User,
    World,
)
from swarmbot.demo.github.webhooks import Webhooks


class Actions:
    """The acts, by the names that people have for them."""

    def __init__(self, world: World, ledger: Ledger, shapes: Shapes, webhooks: Webhooks) -> None:
        self.world = world
        self.ledger = ledger
        self.shapes = shapes
        self.webhooks = webhooks

    def open_issue(
        self, repository: Repository, author: User, title: str, body: str | None, labels: list[str]
    ) -> Issue:
        """Open an issue; each label is sent as an event of its own besides, as GitHub does."""
        now = self.world.now()
        issue = Issue(
            id=self.world.next_id(),
            repository=repository,
            number=repository.next_number(),
            title=title,
            body=body,
            author=author,
            created_at=now,
            updated_at=now,
            labels=[self.world.label(repository, name) for name in labels],
        )
        repository.threads[issue.number] = issue
        self.ledger.tell(f"{author.login} opened issue #{issue.number}: {title}")
        self._thread_event("opened", issue, author)
        for label in issue.labels:
            self._label_event("labeled", issue, author, label)
        return issue

    def edit_issue(
        self,
        issue: Issue,
        actor: User,
        *,
        title: str | None = None,
        body: str | None = None,
        state: Literal["open", "closed"] | None = None,
        state_reason: str | None = None,
    ) -> None:
        """Change title, body or state of an issue or pull request; ``None`` leaves a thing as it is."""
        changes: dict[str, dict[str, str | None]] = {}
        if title is not None and title != issue.title:
            changes["title"] = {"from": issue.title}
            issue.title = title
        if body is not None and body != issue.body:
            changes["body"] = {"from": issue.body}
            issue.body = body
        issue.updated_at = self.world.now()
        if changes:
            self._changed(issue, actor, f"edited {' and '.join(changes)} of #{issue.number}: {issue.title}")
            self._thread_event("edited", issue, actor, changes=changes)
        if state is not None and state != issue.state:
            issue.state = state
            issue.state_reason = None if state == "open" else (state_reason or "completed")
            issue.closed_at = None if state == "open" else issue.updated_at
            verb = "reopened" if state == "open" else "closed"
            self._changed(issue, actor, f"{verb} #{issue.number}")
            self._thread_event(verb, issue, actor)

    def _changed(self, issue: Issue, actor: User, line: str) -> None:
        # A pull request's own words are claimed with the pull request; a change of it needs no second claim.
        if isinstance(issue, Pull):
            self.ledger.tell(f"{actor.login} {line}")
        else:
            change = Change(id=self.world.next_id(), issue=issue, author=actor, text=line)
            self.ledger.say(actor, change, line)

    def _thread_event(self, action: str, issue: Issue, sender: User, **parts: Any) -> None:
        if isinstance(issue, Pull):
            shaped = {"number": issue.number, "pull_request": self.shapes.pull(issue), **parts}
            self.webhooks.emit("pull_request", action, issue.repository, sender, **shaped)
        else:
            shaped = {"issue": self.shapes.issue(issue), **parts}
            self.webhooks.emit("issues", action, issue.repository, sender, **shaped)

    def add_labels(self, issue: Issue, actor: User, names: list[str]) -> None:
        """Put labels on a thread; those that it has already are left alone, and make no event."""
        for name in names:
            label = self.world.label(issue.repository, name)
            if label not in issue.labels:
                issue.labels.append(label)
                self._label_change(issue, actor, f"put the label {label.name} on #{issue.number}")
                self._label_event("labeled", issue, actor, label)

    def remove_label(self, issue: Issue, actor: User, label: Label) -> None:
        """Take a label off a thread."""
        issue.labels.remove(label)
        self._label_change(issue, actor, f"took the label {label.name} off #{issue.number}")
        self._label_event("unlabeled", issue, actor, label)

    def _label_change(self, issue: Issue, actor: User, line: str) -> None:
        issue.updated_at = self.world.now()
        change = Change(id=self.world.next_id(), issue=issue, author=actor, text=line)
        self.ledger.say(actor, change, line)

    def _label_event(self, action: str, issue: Issue, sender: User, label: Label) -> None:
        self._thread_event(action, issue, sender, label=self.shapes.label(issue.repository, label))

    def comment(self, issue: Issue, author: User, body: str) -> Comment:
        """Write a comment."""
        now = self.world.now()
        comment = Comment(
            id=self.world.next_id(), issue=issue, author=author, body=body, created_at=now, updated_at=now
        )
        issue.comments.append(comment)
        issue.repository.comments[comment.id] = comment
        issue.updated_at = now
        self.ledger.say(author, comment, f"commented on #{issue.number}: {body}")
        self._comment_event("created", comment, author)
        return comment

    def edit_comment(self, comment: Comment, actor: User, body: str) -> None:
        """Replace a comment's text. GitHub sends an event even when the text is the old one."""
        before, comment.body = comment.body, body
        comment.updated_at = self.world.now()
        self.ledger.tell(f"{actor.login} edited a comment on #{comment.issue.number}: {body}")
        self._comment_event("edited", comment, actor, changes={"body": {"from": before}})

    def delete_comment(self, comment: Comment, actor: User) -> None:
        """Delete a comment."""
        comment.deleted = True
        comment.issue.comments.remove(comment)
        del comment.issue.repository.comments[comment.id]
        self.ledger.tell(f"{actor.login} deleted a comment on #{comment.issue.number}: {comment.body}")
        self._comment_event("deleted", comment, actor)

    def _comment_event(self, action: str, comment: Comment, sender: User, **parts: Any) -> None:
        shaped = {"issue": self.shapes.issue(comment.issue), "comment": self.shapes.comment(comment), **parts}
        self.webhooks.emit("issue_comment", action, comment.issue.repository, sender, **shaped)

    def react(self, thing: Issue | Comment, user: User, content: str) -> tuple[Reaction, bool]:
        """Add a reaction; returns it, and whether it is new. Reactions make no webhook."""
        for reaction in thing.reactions:
            if reaction.user is user and reaction.content == content:
                return reaction, False
        made = Reaction(id=self.world.next_id(), user=user, content=content, created_at=self.world.now(), on=thing)
        thing.reactions.append(made)
        on = f"#{thing.number}" if isinstance(thing, Issue) else f"a comment by {thing.author.login}"
        self.ledger.say(user, made, f"reacted with {content} to {on}")
        return made, True

    def unreact(self, reaction: Reaction) -> None:
        """Take a reaction back."""
        reaction.on.reactions.remove(reaction)
        self.ledger.tell(f"{reaction.user.login} took the reaction {reaction.content} back")

    def open_pull(self, pull: Pull) -> None:
        """Register a pull request that was put together, and count what is in it."""
        self._measure(pull)
        pull.repository.threads[pull.number] = pull
        self.ledger.say(pull.author, pull, f"opened pull request #{pull.number}: {pull.title}")
        self._thread_event("opened", pull, pull.author)

    def _measure(self, pull: Pull) -> None:
        found = git_objects.changes(pull.repository.git, pull.base_sha, pull.head_sha)
        pull.commits, pull.changed_files = found.commits, found.files
        pull.additions, pull.deletions = found.additions, found.deletions

    def request_reviewers(self, pull: Pull, actor: User, users: list[User]) -> None:
        """Ask people for a review."""
        for user in users:
            if user not in pull.requested_reviewers:
                pull.requested_reviewers.append(user)
                self._changed(pull, actor, f"asked {user.login} to review #{pull.number}")
                shaped = self.shapes.user(user)
                self._thread_event("review_requested", pull, actor, requested_reviewer=shaped)

    def pushed(self, repository: Repository, actor: User, heads: dict[str, str]) -> None:
        """Take note of a push: ``heads`` are the branches as they are now."""
        before, repository.heads = repository.heads, heads
        moved = [name for name in {**before, **heads} if before.get(name) != heads.get(name)]
        for branch in moved:
            sha = heads.get(branch)
            self.ledger.tell(f"{actor.login} pushed {branch}: {sha[:7] if sha else 'deleted'}")
        for pull in repository.pulls():
            if pull.state == "open" and pull.head_ref in moved:
                self._head_moved(pull, actor, heads.get(pull.head_ref))

    def _head_moved(self, pull: Pull, actor: User, sha: str | None) -> None:
        if sha is None:
            self.edit_issue(pull, actor, state="closed")
            return
        before, pull.head_sha = pull.head_sha, sha
        pull.updated_at = self.world.now()
        self._measure(pull)
        self._thread_event("synchronize", pull, actor, before=before, after=sha)

    def create_check(self, run: CheckRun, actor: User) -> None:
        """Register a check run that was put together."""
        run.repository.check_runs[run.id] = run
        outcome = run.conclusion or run.status
        self.ledger.say(actor, run, f"made the check {run.name} on {run.head_sha[:7]}: {outcome}")
        self._check_event("created", run, actor)
        if run.status == "completed":
            self._check_event("completed", run, actor)

    def update_check(self, run: CheckRun, actor: User, *, was: str) -> None:
        """Tell that a check run was changed; ``was`` is its status before."""
        outcome = run.conclusion or run.status
        self.ledger.tell(f"{actor.login} updated the check {run.name}: {outcome} {run.title or ''}")
        if run.status == "completed" and was != "completed":
            self._check_event("completed", run, actor)

    def _check_event(self, action: str, run: CheckRun, sender: User) -> None:
        self.webhooks.emit("check_run", action, run.repository, sender, check_run=self.shapes.check_run(run))
