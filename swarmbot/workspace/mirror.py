"""The bare copy of a repository on this machine: jobs fetch into it, checkouts borrow its objects."""

from __future__ import annotations

import difflib
import re
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import structlog

from swarmbot.workspace.branches import check_branch
from swarmbot.workspace.disk import remove_folder
from swarmbot.workspace.errors import EmptyRepository, GitError, UnknownBranch
from swarmbot.workspace.git import git
from swarmbot.workspace.lock import locked
from swarmbot.workspace.remote import Remote

_log = structlog.get_logger()

_REFSPEC = "+refs/heads/*:refs/heads/*"
_OF_THIS_MACHINE = re.compile(
    r"No space left|Disk quota exceeded|Read-only file system|Permission denied|Too many open files"
)


class Mirror:
    """A bare mirror of the branches of ``remote`` in ``folder``; safe to use from many tasks and processes at once.

    Objects are never pruned, so whatever a living checkout borrowed stays. Fetching is serial, by a lock beside the
    folder; checkouts only read and need none.
    """

    def __init__(self, folder: Path, remote: Remote, *, fetch_s: float = 900.0, lock_s: float = 900.0) -> None:
        """Take the mirror's folder (made by the first fetch) and the longest times for a fetch and for the lock."""
        self.folder = folder.absolute()
        self.remote = remote
        self._fetch_s, self._lock_s = fetch_s, lock_s

    @property
    def objects(self) -> Path:
        """The folder with the objects that checkouts borrow: a sandbox shows it to the agent, read only."""
        return self.folder / "objects"

    async def fetch(self) -> None:
        """Bring all branches up to date with one ``git fetch``; make the mirror if there is none.

        A mirror that git can no longer use is made anew, once. Raises :class:`RepositoryUnavailable`,
        :class:`NetworkFailure`, :class:`MirrorBusy`, or :class:`GitError` for what is wrong on this machine.
        """
        async with self._lock() as lock:
            if not self.folder.is_dir():
                await self._create(lock)
                return
            _drop_stale_files(self.folder)
            try:
                await self._update(self.folder, lock)
            except GitError as error:
                if _OF_THIS_MACHINE.search(error.stderr):
                    raise
                _log.warning("mirror broken, made anew", mirror=str(self.folder), git=error.stderr)
                await self._create(lock)

    async def renew(self) -> None:
        """Make the mirror anew whatever its state. Errors as for :meth:`fetch`."""
        async with self._lock() as lock:
            await self._create(lock)

    async def resolve(self, branch: str) -> str:
        """Return the commit at the head of ``branch`` as of the last fetch: 40 hexadecimal digits.

        Raises :class:`InvalidBranch`, :class:`UnknownBranch` (with close names) or :class:`EmptyRepository`.
        """
        check_branch(branch)
        ref = f"refs/heads/{branch}"
        try:
            found = await git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", git_dir=self.folder)
        except GitError as error:
            if error.stderr.strip():
                raise
            names = await self._branches()
            if not names:
                raise EmptyRepository from None
            close = difflib.get_close_matches(branch, names, n=3, cutoff=0.5)
            raise UnknownBranch(branch, tuple(close)) from None
        return found.strip()

    async def read_file(self, commit: str, path: str, *, most_bytes: int) -> str | None:
        """Return the text of a file as of ``commit``; None where it is not there, no plain file, or no text.

        Of a larger file one byte more than ``most_bytes`` may come, so that the caller can say so.
        """
        listed = await git("ls-tree", "-z", "--long", commit, "--", path, git_dir=self.folder)
        entry = re.match(r"(100644|100755) blob (\w+) +(\d+)\t", listed)
        if entry is None:
            return None
        if int(entry[3]) > most_bytes:
            return " " * (most_bytes + 1)
        text = await git("cat-file", "blob", entry[2], git_dir=self.folder)
        return None if any("\ud800" <= char <= "\udfff" for char in text) else text

    async def _branches(self) -> list[str]:
        listed = await git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", git_dir=self.folder)
        return listed.split()

    def _lock(self) -> AbstractAsyncContextManager[int]:
        return locked(self.folder.with_name(self.folder.name + ".lock"), seconds=self._lock_s)

    async def _create(self, lock: int) -> None:
        """Clone beside the folder, then put it in place by one rename: a crash leaves no half mirror behind."""
        fresh = self.folder.with_name(self.folder.name + ".new")
        old = self.folder.with_name(self.folder.name + ".old")
        await remove_folder(fresh)
        await git("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(fresh))
        await self._update(fresh, lock)
        await remove_folder(old)
        if self.folder.exists():
            self.folder.rename(old)
        fresh.rename(self.folder)
        await remove_folder(old)

    async def _update(self, folder: Path, lock: int) -> None:
        quiet = ["--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"]
        try:
            await git(
                "fetch",
                *quiet,
                "--",
                self.remote.url,
                _REFSPEC,
                git_dir=folder,
                remote=self.remote,
                seconds=self._fetch_s,
                keep_open=[lock],
            )
        except GitError as error:
            known = None if _OF_THIS_MACHINE.search(error.stderr) else self.remote.explain(error)
            raise known or error from None


def _drop_stale_files(folder: Path) -> None:
    """Remove what a killed git left. Under the lock nobody else writes, so a lock file here has no owner any more."""
    for lock in [*folder.glob("*.lock"), *folder.glob("refs/**/*.lock"), *folder.glob("objects/info/**/*.lock")]:
        lock.unlink(missing_ok=True)
    for half in folder.glob("objects/pack/tmp_*"):
        half.unlink(missing_ok=True)
