"""What people are told to do about each way in which an agent's session can end without its work done. Pure."""

from __future__ import annotations

from swarmbot.core.agent_spec import AgentSpec
from swarmbot.core.session_model import OutcomeKind

_ADVICE: dict[OutcomeKind, str] = {
    "asked": "Answer it in the issue's text or in the command, and write `/agent fix` again.",
    "silent": "Write `/agent fix` to try again, or choose another agent: `/agent fix with AGENT`.",
    "timed_out": "Split the task, or ask the operator for a longer SWARMBOT_JOB_TIMEOUT_S.",
    "not_submitted": "Write `/agent fix` to try again. If it happens again, the agent's version may be a new one.",
    "left_early": "Write `/agent fix` to try again. If it happens again, the operator should run the agent by hand.",
    "exit_code": "The last lines say why. Write `/agent fix` to try again.",
    "killed": "Write `/agent fix` to try again. If it happens again, the machine may be short of memory.",
    "login_needed": "The operator has to give the agent a key of its model ({credentials}).",
    "key_refused": "The operator has to replace the key of the agent's model ({credentials}): it is wrong or expired.",
    "no_credit": "The operator has to top up the account of the agent's model, or raise its limit.",
    "rate_limited": "Wait until the limit of the agent's model is over; then write `/agent fix` to try again.",
    "model_error": "The agent's model answers with errors. Write `/agent fix` in a while, or choose another agent.",
    "model_unknown": "Name a model that the account may use: `/agent fix with {agent}:MODEL`, or leave it out.",
    "context_full": "The task is too large for the model at once. Split it, or name a model that takes more.",
    "unreachable": "The operator has to look at the network and at the address of the agent's model.",
    "not_permitted": "The operator has to look at how the program is set up: it refuses to work as it was started.",
    "program_broken": "The operator has to install the agent's program anew; `swarmbot agents` says how.",
}


def advice(kind: OutcomeKind, spec: AgentSpec) -> str:
    """Return what people have to do when a session of that agent ended so; empty where it is done."""
    credentials = " or ".join(spec.credential.any_of) if spec.credential else "see its file"
    return _ADVICE.get(kind, "").format(credentials=credentials, agent=spec.name)


def is_late(kind: OutcomeKind) -> bool:
    """Whether a clock ended the session."""
    return kind in ("silent", "timed_out")
