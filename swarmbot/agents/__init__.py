"""The agents, one TOML file each, and the operator's own from another folder. See ``core/agent_spec.py``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from swarmbot.core.agent_spec import AgentSpec, AgentSpecError, parse
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
            spec = parse(path.read_text(encoding="utf-8"), source=str(path))
            specs[spec.name] = spec
    return specs


def fact(spec: AgentSpec, operator: Mapping[str, str]) -> AgentFact:
    """Say whether the agent can work on this machine; ``operator`` is the operator's environment."""
    return AgentFact(spec.name, spec.title, _problem(spec, operator))


def _problem(spec: AgentSpec, operator: Mapping[str, str]) -> str:
    for name in spec.operator_settings:
        if not operator.get(name):
            return f"the setting `{name}` of the server is empty."
    program = spec.argv[0]
    if program != "{python}" and shutil.which(program, path=operator.get("PATH")) is None:
        return f"`{program}` is not installed." + (f" Install it with `{spec.install}`." if spec.install else "")
    return ""
