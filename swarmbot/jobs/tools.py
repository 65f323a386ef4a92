"""What a worker brings to every job that it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from swarmbot.agents.programs import Versions
from swarmbot.core.agent_spec import AgentSpec, Autonomy
from swarmbot.core.model import JobSpec, Repository
from swarmbot.core.session_model import Limits
from swarmbot.github.app import GitHubApp
from swarmbot.github.writer import Lanes
from swarmbot.jobs.store import JobStore


@dataclass(frozen=True)
class Tools:
    """Built once when a worker starts, shared by its jobs."""

    redis: Redis
    store: JobStore
    github: GitHubApp
    lanes: Lanes
    agents: Mapping[str, AgentSpec]
    operator: Mapping[str, str]
    """The operator's environment: agents get from it what their files name."""
    redact: Callable[[str], str]
    """Hides the worker's own secrets in whatever leaves."""
    folder: Path
    """Root of all data; real path."""
    github_url: str
    app_slug: str
    limits: Limits
    autonomy: Autonomy
    """The most that agents may do without a person."""
    programs: Path | None
    """Folder of agents' programs, looked in before the PATH."""
    versions: Versions
    worker: str
    """A name that no other worker process ever has."""

    def job_folder(self, spec: JobSpec) -> Path:
        """Folder of one job: checkout, home and temporary files; removed at its end."""
        return self.folder / "jobs" / spec.id

    def agent_title(self, spec: JobSpec) -> str:
        """What people call the job's agent; its name where the server has it no more."""
        agent = self.agents.get(spec.agent)
        return agent.title if agent else spec.agent

    def mirror_folder(self, repository: Repository) -> Path:
        """Folder of a repository's mirror; by id, which stays the same when the repository is renamed."""
        return self.folder / "mirrors" / f"{repository.id}.git"

    def recording(self, spec: JobSpec, attempt: int) -> Path:
        """File that an attempt's terminal is recorded in; kept after the end."""
        return self.folder / "recordings" / f"{spec.id}-{attempt}.cast"
