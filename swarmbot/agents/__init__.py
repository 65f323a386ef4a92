"""The agents, one TOML file each, and the operator's own from another folder. See ``core/agent_spec.py``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from swarmbot.agents.programs import problem
from swarmbot.core.agent_file import parse
from swarmbot.core.agent_spec import AgentSpec, AgentSpecError
from swarmbot.core.policy import AgentFact

_OWN = Path(__file__).parent


def load(*folders: Path) -> dict[str, AgentSpec]:
    """Read the agent files of swarmbot and of ``folders``; a later file of the same name wins.

    Raises :class:`~swarmbot.core.agent_spec.AgentSpecError` with the file and the key.
    """
    specs = {}
    for folder in (_OWN, *folders):
        if not folder.is_dir():
            raise AgentSpecError(f"{folder}: no such folder of agent files (SWARMBOT_AGENTS_DIR)")
        for path in sorted(folder.glob("*.toml")):
            spec = parse(_text(path), source=str(path))
            specs[spec.name] = spec
    return specs


def fact(spec: AgentSpec, operator: Mapping[str, str], programs: Path | None = None) -> AgentFact:
    """Say whether the agent can work on this machine.

    ``operator`` is the operator's environment, ``programs`` the folder where ``make agents`` puts programs.
    """
    takes_model = all(spec.start(mode).model for mode in spec.modes)
    return AgentFact(spec.name, spec.title, problem(spec, operator, programs), takes_model=takes_model)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AgentSpecError(f"{path}: cannot be read: {error}") from error
