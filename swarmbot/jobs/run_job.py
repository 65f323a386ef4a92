"""One job from start to end: prepare, run the agent, publish, tell. Read it from top to bottom.

Every step writes an event to the job's story before the next one begins. Run a second time, after a crash, it goes on
where the story stops and doubles nothing.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

import structlog
from redis.exceptions import RedisError

from swarmbot.core import repo_config, report
from swarmbot.core.model import Ending, Failure
from swarmbot.core.policy import WRITERS
from swarmbot.core.repo_config import RepoConfig, RepoConfigError
from swarmbot.core.story import AttemptBegun, Committed, Ended, Prepared, PullOpened, Pushed, Said, State
from swarmbot.github import reader
from swarmbot.github.client import Client, GitHubError, Invalid, NotThere, Unavailable
from swarmbot.github.writer import Writer
from swarmbot.jobs import lease
from swarmbot.jobs.book import Book, JobFailed
from swarmbot.jobs.once import once
from swarmbot.jobs.run_agent import end_earlier_attempts, run_agent
from swarmbot.jobs.store import StoryMoved
from swarmbot.jobs.tell import Teller
from swarmbot.jobs.tools import Tools
from swarmbot.workspace import publish
from swarmbot.workspace.checkout import Checkout, check_out, reopen
from swarmbot.workspace.disk import remove_folder
from swarmbot.workspace.errors import WorkspaceError
from swarmbot.workspace.mirror import Mirror
from swarmbot.workspace.remote import Remote

log = structlog.get_logger()

ATTEMPTS = 3
"""How often a job is begun at most; more deaths of its worker than that are no accident."""

_WORKER_DIED = Ended(
    Ending.FAILED,
    Failure(
        "worker_died",
        f"The worker died at each of {ATTEMPTS} attempts.",
        "Ask the operator for the worker's log; then write `/agent fix` to try again.",
    ),
)


async def run_job(job_id: str, tools: Tools) -> None:
    """Bring the job to its end and tell it. Returns at once where it is settled or another worker has it.

    Raises :class:`~swarmbot.github.client.Unavailable` when GitHub stays out of reach; the job stays open then.
    """
    try:
        async with lease.hold(tools.redis, job_id, f"{tools.worker}:{secrets.token_hex(4)}"):
            book = Book(tools.store, await tools.store.load(job_id))
            if not book.job.settled:
                with structlog.contextvars.bound_contextvars(job=job_id):
                    await _run(book, tools)
    except lease.LeaseTaken:
        log.info("another worker has the job", job=job_id)


async def _run(book: Book, tools: Tools) -> None:
    spec = book.job.spec
    rerun = book.job.attempt > 0
    exhausted = book.job.attempt >= ATTEMPTS
    try:
        async with tools.github.for_job(spec.repository.installation_id, spec.repository.id) as client:
            # Only now: a time without GitHub is no attempt.
            if not book.job.ending and not exhausted:
                await book.write(AttemptBegun(book.job.attempt + 1, tools.worker))
            lane = tools.lanes.of(spec.repository.installation_id)
            writer = Writer(client, spec.repository, lane, tools.redact)
            teller = Teller(book, client, writer, tools.agent_title(spec), rerun=rerun)
            async with teller.live_status():
                if not book.job.ending:
                    end = _WORKER_DIED if exhausted else await _work(book, tools, client, writer, rerun=rerun)
                    await book.write(end)
            await teller.tell_end()
    except Unavailable:
        raise
    except GitHubError as error:
        await _end_unheard(book, error)
    await remove_folder(tools.job_folder(spec))
    log.info("job ended", ending=str(book.job.ending), repository=spec.repository.full_name)


async def _work(book: Book, tools: Tools, client: Client, writer: Writer, *, rerun: bool) -> Ended:
    """Do what is left of the job and return its end."""
    try:
        await end_earlier_attempts(book.job, tools)
        await _check_permission(book, client)
        if not book.job.pushed:
            checkout = await _prepare(book, tools, client)
            if not book.job.agent_finished:
                await run_agent(book, tools, checkout.tree)
            if not await _commit(book, tools, checkout):
                return Ended(Ending.NO_CHANGE)
            await _push(book, tools, client, checkout)
        await _open_pull(book, tools, client, writer, rerun=rerun)
        return Ended(Ending.DONE)
    except JobFailed as failed:
        log.info("job failed", kind=failed.failure.kind, cause=failed.failure.cause)
        return Ended(failed.ending, failed.failure)
    except WorkspaceError as error:
        log.info("job failed", kind=type(error).__name__, cause=str(error))
        return Ended(Ending.FAILED, Failure(_kind(error), str(error), error.do))
    except Unavailable as error:
        return Ended(Ending.FAILED, Failure("github_unavailable", str(error), "Write `/agent fix` to try again."))
    except (RedisError, StoryMoved):
        raise  # the story cannot be written: another attempt goes on from where it stops
    except Exception:
        log.exception("job broke")
        pushed = f" The branch {book.job.spec.branch} is pushed." if book.job.pushed else ""
        cause = f"Something went wrong inside swarmbot.{pushed}"
        do = f"Write `/agent fix` to try again. The operator finds the reason in the log: job `{book.job.spec.id}`."
        return Ended(Ending.FAILED, Failure("internal", cause, do))


async def _check_permission(book: Book, client: Client) -> None:
    """Ask again: permission may have been taken away while the job waited. An error means no."""
    spec = book.job.spec
    try:
        permission = await reader.permission(client, spec.repository, spec.requester.login)
    except GitHubError as error:
        raise JobFailed("permission_unknown", f"Whether {spec.requester.login} may write could not be asked: {error}",
                        "Write `/agent fix` to try again.") from error  # fmt: skip
    if permission not in WRITERS:
        raise JobFailed("not_permitted", f"{spec.requester.login} may not write to this repository any more.",
                        "Somebody who may has to ask.")  # fmt: skip


async def _prepare(book: Book, tools: Tools, client: Client) -> Checkout:
    """Return the checkout to work in: the one of the attempt before where its agent had finished, else a new one."""
    spec = book.job.spec
    folder = tools.job_folder(spec)
    mirror = Mirror(tools.mirror_folder(spec.repository), await _remote(book, tools, client))
    if book.job.agent_finished and (kept := await reopen(mirror, book.job.base, folder)):
        return kept
    await mirror.fetch()
    base = await mirror.resolve(spec.repository.default_branch)
    config = await _repo_config(mirror, base)
    autonomy = repo_config.allowed(config.autonomy, tools.autonomy)
    checkout = await check_out(mirror, base, folder, branch=spec.branch)
    await book.write(Prepared(base=base, branch=spec.branch, mode=config.mode, autonomy=autonomy))
    return checkout


async def _repo_config(mirror: Mirror, base: str) -> RepoConfig:
    """Read what the repository sets, from the commit that the job begins at."""
    text = await mirror.read_file(base, repo_config.PATH, most_bytes=repo_config.MOST_BYTES)
    try:
        return RepoConfig() if text is None else repo_config.parse(text)
    except RepoConfigError as error:
        raise JobFailed("config_invalid", str(error), f"Mend `{repo_config.PATH}` on the default branch.") from error


async def _commit(book: Book, tools: Tools, checkout: Checkout) -> bool:
    """Make one commit of what the agent left; False where it changed nothing."""
    if book.job.commit is not None:
        return True
    spec = book.job.spec
    changes = await publish.changes(checkout)
    if not changes.files:
        return False
    message = tools.redact(report.commit_message(spec, book.job.summary))
    bot = f"{tools.app_slug}[bot]"
    author = publish.Identity(bot, f"{bot}@users.noreply.github.com")
    # The moment is the story's, so that a second attempt makes the very same commit.
    date = datetime.fromtimestamp(book.job.moments[State.PUBLISHING], UTC)
    sha = await publish.commit(checkout, message, author=author, date=date, result=changes)
    files = tuple(change.path for change in changes.files)
    added = sum(change.added for change in changes.files)
    await book.write(Committed(sha, files, added, sum(change.deleted for change in changes.files)))
    return True


async def _push(book: Book, tools: Tools, client: Client, checkout: Checkout) -> None:
    commit = book.job.commit
    if commit is None:
        return
    await publish.push(checkout, await _remote(book, tools, client), commit.sha, book.job.spec.branch)
    await book.write(Pushed(commit.sha))


async def _open_pull(book: Book, tools: Tools, client: Client, writer: Writer, *, rerun: bool) -> None:
    """Open the pull request and believe it when its head is the commit that was pushed."""
    job = book.job
    if job.pull is not None:
        return
    spec = job.spec

    async def find() -> reader.Pull | None:
        return await reader.find_pull(client, spec.repository, spec.branch)

    async def make() -> reader.Pull:
        return await writer.open_pull(
            title=report.title(spec),
            body=report.pull_body(job, tools.agent_title(spec)),
            head=spec.branch,
            base=spec.repository.default_branch,
        )

    try:
        pull = await once(find, make, look_first=rerun)
    except (Invalid, NotThere) as error:
        cause = f"The branch {spec.branch} is pushed, but no pull request: {error.message}"
        raise JobFailed("pull_refused", cause, "Open it by hand from the branch.") from error
    if pull.head.sha != job.pushed:
        raise JobFailed("push_lost", f"The pull request #{pull.number} is not at the pushed commit {job.pushed[:10]}.",
                        "Compare the branch with the log; somebody else may have pushed to it.")  # fmt: skip
    await book.write(PullOpened(pull.number, pull.html_url))


def _kind(error: Exception) -> str:
    """Return the name of an error as people read it: ``PushRefused`` is ``push_refused``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()


async def _remote(book: Book, tools: Tools, client: Client) -> Remote:
    token = await client.fresh_token()  # an agent may have worked for longer than the one before lives
    return Remote(f"{tools.github_url}/{book.job.spec.repository.full_name}.git", token.value)


async def _end_unheard(book: Book, error: GitHubError) -> None:
    """Write the end of a job that nobody can be told: the App was removed, or the repository is gone."""
    log.warning("job ends unheard", error=str(error))
    if not book.job.ending:
        failure = Failure("no_access", f"The App cannot reach the repository any more: {error}")
        await book.write(Ended(Ending.FAILED, failure))
    for what in ("reply", "last_edit"):
        if what not in book.job.said:
            await book.write(Said(what, 0))
