"""``/agent help``: what can be written, made from the commands themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from swarmbot.core.grammar import Invocation
from swarmbot.core.model import Request
from swarmbot.core.policy import AgentFact, Command, Effect, Facts, Reply


def make(commands: Callable[[], Iterable[Command]]) -> Command:
    """Build the command; ``commands`` gives all of them, this one too, when it is asked."""

    def decide(_invocation: Invocation, _request: Request, facts: Facts, _index: int) -> list[Effect]:
        text = f"{table(commands())}\n\n{agents(facts)}\n\n"
        text += f"`@{facts.app_slug}` works in place of `/agent`. The label `agent` on an issue means `/agent fix`, "
        text += "`agent:NAME` means `/agent fix with NAME`."
        return [Reply(text)]

    return Command("help", "/agent help", "Shows this.", ("/agent help",), decide)


def table(commands: Iterable[Command]) -> str:
    """Return the commands as a Markdown table."""
    rows = "\n".join(f"| `{command.usage}` | {command.summary} |" for command in commands)
    return f"| Write | To |\n| --- | --- |\n{rows}"


def agents(facts: Facts) -> str:
    """Return the agents of this server as a Markdown list, those that cannot work now marked."""
    return "Agents on this server:\n" + "\n".join(_line(agent, facts.default_agent) for agent in facts.agents)


def _line(agent: AgentFact, default: str) -> str:
    note = " (the default)" if agent.name == default else ""
    trouble = f" — not ready: {agent.problem}" if agent.problem else ""
    return f"- `{agent.name}`: {agent.title}{note}{trouble}"
