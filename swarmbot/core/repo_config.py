"""What a repository sets for the bot, in ``.github/swarmbot.yml`` of its default branch. Pure."""

from __future__ import annotations

from typing import get_args

import msgspec
import yaml

from swarmbot.core.agent_spec import Autonomy, Mode

PATH = ".github/swarmbot.yml"
MOST_BYTES = 64_000


class RepoConfigError(ValueError):
    """The file cannot be used; the text names the key and what is allowed."""


class RepoConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that the file can hold."""

    mode: Mode = "interactive"
    """How the agent's program runs: with its own screen, or one task and out."""
    autonomy: Autonomy | None = None
    """What the agent may do without a person; never more than the operator allows."""


def parse(text: str) -> RepoConfig:
    """Read the file. Raises :class:`RepoConfigError`."""
    if len(text.encode()) > MOST_BYTES:
        raise RepoConfigError(f"{PATH}: larger than {MOST_BYTES} bytes")
    try:
        loaded = yaml.load(text, Loader=_Plain)  # noqa: S506 - a safe loader, and it knows no aliases
    except yaml.YAMLError as error:
        raise RepoConfigError(f"{PATH}: {_where(error)}") from error
    try:
        return msgspec.convert({} if loaded is None else loaded, RepoConfig)
    except msgspec.ValidationError as error:
        raise RepoConfigError(f"{PATH}: {error}. {_ALLOWED}") from error


def allowed(wanted: Autonomy | None, most: Autonomy) -> Autonomy:
    """Return the autonomy of a job: what the repository wants, but not more than the operator allows."""
    degrees = get_args(Autonomy)
    return most if wanted is None else min(wanted, most, key=degrees.index)


_ALLOWED = "Keys: " + "; ".join(f"`{key}`: {', '.join(get_args(kind))}" for key, kind in
                                (("mode", Mode), ("autonomy", Autonomy)))  # fmt: skip


class _Plain(yaml.SafeLoader):
    """Reads YAML without aliases, by which a small file becomes a huge one."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not read here")
        return super().compose_node(parent, index)


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}: {problem}" if mark else problem
