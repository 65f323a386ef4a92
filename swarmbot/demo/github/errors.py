"""The answers with which GitHub refuses a call, as exceptions.

``odd`` says whether a well-made bot would never have caused it: such a refusal becomes a complaint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DOCUMENTATION = "https://docs.github.com/rest"


class ApiError(Exception):
    """A refusal: HTTP status, message and what the body and headers carry besides."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        odd: bool = True,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = dict(headers or {})
        self.odd = odd

    def body(self) -> dict[str, Any]:
        """Return the JSON body that GitHub sends with it."""
        body: dict[str, Any] = {"message": self.message}
        if self.errors is not None:
            body["errors"] = self.errors
        return {**body, "documentation_url": DOCUMENTATION, "status": str(self.status)}


def not_found() -> ApiError:
    """404; not odd, since things are deleted and users unknown in the best of families."""
    return ApiError(404, "Not Found", odd=False)


def not_accessible() -> ApiError:
    """403 for what the token's permissions or repositories do not cover."""
    return ApiError(403, "Resource not accessible by integration")


def bad_credentials() -> ApiError:
    """401 for a token that was never made, was revoked or has expired."""
    return ApiError(401, "Bad credentials")


def invalid_request(detail: str) -> ApiError:
    """422 for a body that does not fit the schema: a field missing, or of another type."""
    return ApiError(422, f"Invalid request.\n\n{detail}")


def validation_failed(
    resource: str, field: str | None, code: str, message: str | None = None, *, odd: bool = True
) -> ApiError:
    """422 for a body of the right shape whose content GitHub does not take."""
    error = {"resource": resource, "code": code, "field": field, "message": message}
    return ApiError(422, "Validation Failed", errors=[{k: v for k, v in error.items() if v is not None}], odd=odd)
