"""Errors as the vendors' APIs answer them.

Sources: https://platform.claude.com/docs/en/api/errors, https://platform.openai.com/docs/guides/error-codes,
https://ai.google.dev/gemini-api/docs/troubleshooting, and the answers that people quote in reports of these errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from swarmbot.demo.model.conversation import Conversation, Json

Kind = Literal[
    "key_refused",
    "no_credit",
    "not_permitted",
    "model_unknown",
    "rate_limited",
    "model_error",
    "overloaded",
    "context_full",
]
"""What can be wrong; the names are those of the endings that agent files know, and ``overloaded``."""

_ONE_MODEL_ONLY = ("model_unknown", "context_full")
"""Not said to a program's requests beside the task: those ask another model, or are short."""


@dataclass(frozen=True)
class Trouble:
    """An error in place of an answer. ``status`` and ``message`` stand in for the vendor's own where they are given."""

    kind: Kind
    status: int | None = None
    message: str | None = None

    @property
    def everywhere(self) -> bool:
        """Whether a request beside the task meets it as well."""
        return self.kind not in _ONE_MODEL_ONLY


@dataclass(frozen=True)
class Refusal:
    """The HTTP answer to a request that fails."""

    status: int
    body: Json
    headers: dict[str, str]
    in_stream: Json | None = None
    """Error that an open stream ends with, in place of the status."""


_ANTHROPIC: dict[Kind, tuple[int, str, str]] = {
    "key_refused": (401, "authentication_error", "invalid x-api-key"),
    "no_credit": (
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API. "
        "Please go to Plans & Billing to upgrade or purchase credits.",
    ),
    "not_permitted": (403, "permission_error", "Your API key does not have permission to use the specified resource."),
    "model_unknown": (404, "not_found_error", "model: {model}"),
    "rate_limited": (
        429,
        "rate_limit_error",
        "This request would exceed your organization's rate limit of 30,000 input tokens per minute.",
    ),
    "model_error": (500, "api_error", "Internal server error"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "context_full": (400, "invalid_request_error", "prompt is too long: 212345 tokens > 200000 maximum"),
}

_OPENAI: dict[Kind, tuple[int, str, str | None, str]] = {
    "key_refused": (
        401,
        "invalid_request_error",
        "invalid_api_key",
        "Incorrect API key provided: sk-demo***. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
    ),
    "no_credit": (
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
        "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
    ),
    "not_permitted": (
        403,
        "request_forbidden",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported",
    ),
    "model_unknown": (
        404,
        "invalid_request_error",
        "model_not_found",
        "The model `{model}` does not exist or you do not have access to it.",
    ),
    "rate_limited": (
        429,
        "tokens",
        "rate_limit_exceeded",
        "Rate limit reached for {model} in organization org-demo on tokens per min (TPM): Limit 30000, Used 29000, "
        "Requested 2000. Please try again in 2s. Visit https://platform.openai.com/account/rate-limits to learn more.",
    ),
    "model_error": (
        500,
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    "overloaded": (
        503,
        "service_unavailable_error",
        "server_is_overloaded",
        "The engine is currently overloaded, please try again later",
    ),
    "context_full": (
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 141000 tokens. "
        "Please reduce the length of the messages.",
    ),
}

_GEMINI: dict[Kind, tuple[int, str, str]] = {
    "key_refused": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "no_credit": (
        429,
        "RESOURCE_EXHAUSTED",
        "Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects to manage your "
        "project and billing.",
    ),
    "not_permitted": (403, "PERMISSION_DENIED", "Permission denied: the caller does not have permission"),
    "model_unknown": (
        404,
        "NOT_FOUND",
        "models/{model} is not found for API version v1beta, or is not supported for generateContent. Call ListModels "
        "to see the list of available models and their supported methods.",
    ),
    "rate_limited": (
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
        "error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.\nPlease retry in 2s.",
    ),
    "model_error": (500, "INTERNAL", "An internal error has occurred. Please retry."),
    "overloaded": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "context_full": (
        400,
        "INVALID_ARGUMENT",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    ),
}

_RETRY_S = "2"


def refusal(trouble: Trouble, talk: Conversation, ident: str) -> Refusal:
    """Say how the vendor of the conversation's wire format answers with this trouble."""
    match talk.wire:
        case "messages":
            found = _anthropic(trouble, talk, ident)
        case "gemini":
            found = _gemini(trouble, talk)
        case _:
            found = _openai(trouble, talk)
    return found


def _headers(trouble: Trouble) -> dict[str, str]:
    return {"retry-after": _RETRY_S} if trouble.kind == "rate_limited" else {}


def _anthropic(trouble: Trouble, talk: Conversation, ident: str) -> Refusal:
    status, kind, words = _ANTHROPIC[trouble.kind]
    code = trouble.status or status
    named = "billing_error" if code == 402 else kind
    error = {"type": named, "message": trouble.message or words.format(model=talk.model)}
    body = {"type": "error", "error": error, "request_id": f"req_{ident}"}
    # Without it Claude Code asks again for minutes where the real API tells it not to.
    again = "true" if code == 429 or code >= 500 else "false"
    return Refusal(code, body, {"request-id": f"req_{ident}", "x-should-retry": again, **_headers(trouble)})


def _openai(trouble: Trouble, talk: Conversation) -> Refusal:
    status, kind, code, words = _OPENAI[trouble.kind]
    message = trouble.message or words.format(model=talk.model)
    # A full context and a spent account are told in the stream of Responses, once it is open.
    opened = talk.wire == "responses" and talk.streams and trouble.status is None
    in_stream = opened and trouble.kind in {"context_full", "no_credit"}
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    failed: Json | None = {"code": code, "message": message} if in_stream else None
    return Refusal(trouble.status or status, body, _headers(trouble), failed)


def _gemini(trouble: Trouble, talk: Conversation) -> Refusal:
    status, kind, words = _GEMINI[trouble.kind]
    details: list[Json] = []
    google = "type.googleapis.com/google.rpc"
    if trouble.kind == "key_refused":
        metadata = {"service": "generativelanguage.googleapis.com"}
        info = {"reason": "API_KEY_INVALID", "domain": "googleapis.com", "metadata": metadata}
        details = [{"@type": f"{google}.ErrorInfo", **info}]
    elif trouble.kind == "rate_limited":
        quota = {"quotaId": "GenerateRequestsPerMinutePerProjectPerModel", "quotaValue": "10"}
        details = [
            {"@type": f"{google}.QuotaFailure", "violations": [quota]},
            {"@type": f"{google}.RetryInfo", "retryDelay": f"{_RETRY_S}s"},
        ]
    code = trouble.status or status
    error: Json = {"code": code, "message": trouble.message or words.format(model=talk.model), "status": kind}
    return Refusal(code, {"error": {**error, "details": details} if details else error}, {})
