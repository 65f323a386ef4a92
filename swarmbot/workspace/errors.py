"""What can go wrong between a repository, a checkout and a push: each has a name, a text and a ``do``."""

from __future__ import annotations

from typing import ClassVar, Literal

PushRefusal = Literal["permission", "protected", "workflow", "rejected", "other"]
"""Why a remote took no push: the token may not; a rule of the branch; a changed workflow; the ref moved; else."""


class WorkspaceError(Exception):
    """Base of all errors of this room. The text says what happened and never holds a credential."""

    do: str = "Try again; if it fails again, the operator finds the cause in the log."
    """One sentence for people: what to do next."""


class GitError(WorkspaceError):
    """A git command failed; ``command`` is its name and ``stderr`` what it said, clean of credentials."""

    def __init__(self, command: str, code: int, stderr: str, stdout: str = "") -> None:
        super().__init__(f"git {command} ended with {code}: {stderr.strip() or 'it said nothing'}")
        self.command, self.code, self.stderr, self.stdout = command, code, stderr, stdout


class GitTimeout(GitError):
    """A git command took longer than it may and was ended with all its children."""


class RepositoryUnavailable(WorkspaceError):
    """The remote answers, but shows no such repository to this token (404, 401, 403, a redirect)."""

    do = "Check that the repository exists under this name and that the App is installed on it."


class NetworkFailure(WorkspaceError):
    """The remote could not be reached, answered with a server error, or stopped answering."""

    do = "Try again in some minutes; the network or the remote has a problem."


class MirrorBusy(WorkspaceError):
    """Another process held the mirror's lock for too long."""

    do = "Try again when the other jobs of this repository are further."


class EmptyRepository(WorkspaceError):
    """The repository has no commit at all."""

    do = "Push a first commit to the repository, then give the command again."

    def __init__(self) -> None:
        super().__init__("The repository is empty: it has no commit to start from.")


class UnknownBranch(WorkspaceError):
    """The repository has no branch of this name; ``close`` are the names nearest to it."""

    def __init__(self, branch: str, close: tuple[str, ...] = ()) -> None:
        super().__init__(f"There is no branch {branch!r} in the repository.")
        self.branch, self.close = branch, close
        hint = f"Did you mean {' or '.join(close)}? " if close else ""
        self.do = f"{hint}Name a branch that exists, or push this one first."


class InvalidBranch(WorkspaceError, ValueError):
    """A text that git takes for no branch name, or that could be taken for an option."""

    do = "Use letters, digits, '-', '_', '.' and '/' in a branch's name."

    def __init__(self, branch: str) -> None:
        super().__init__(f"{branch[:100]!r} is no valid branch name.")


class UnsafeTree(WorkspaceError):
    """The commit to check out holds what git refuses to write, such as a file inside ``.GIT``."""

    do = "Remove that path from the repository."


class UnsafeChange(WorkspaceError):
    """The tree holds something that the bot does not publish; ``path`` names it."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason
        self.do = f"Give the command again and ask the agent to leave {path} as it was."


class NoChange(WorkspaceError):
    """The tree is the same as the commit that it started from."""

    do = "Give the command again with more detail on what should change."

    def __init__(self) -> None:
        super().__init__("The tree equals the commit that it started from: there is nothing to commit.")


class PushRefused(WorkspaceError):
    """The remote took the connection and refused the push; ``kind`` says why, ``message`` are the remote's lines."""

    DO: ClassVar[dict[PushRefusal, str]] = {
        "permission": "Give the App write permission for contents on this repository.",
        "protected": "Let the App push branches that begin with swarmbot/, in the repository's rules and protections.",
        "workflow": "Apply the change to the workflow by hand, or give the App write permission for workflows.",
        "rejected": "The branch has moved on the remote: give the command again to start from its new head.",
        "other": "Read what the remote said, change that, and give the command again.",
    }

    def __init__(self, kind: PushRefusal, message: str) -> None:
        super().__init__(f"The push was refused ({kind}): {message or 'the remote gave no reason'}")
        self.kind, self.message = kind, message
        self.do = self.DO[kind]
