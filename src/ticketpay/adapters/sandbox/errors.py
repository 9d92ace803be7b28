"""An error of the sandbox is a status and a body in the provider's shape."""

from __future__ import annotations

from typing import Final

from ticketpay.adapters.sandbox.response import Json

__all__ = [
    "SandboxError",
    "idempotency",
    "invalid",
    "missing",
    "no_such",
    "server_error",
    "too_many",
    "unauthorized",
    "unknown_path",
]

_DOCS: Final = "https://stripe.com/docs/error-codes/"


class SandboxError(Exception):
    """A refused request: HTTP status and the fields of the provider's error object."""

    def __init__(self, status: int, kind: str, message: str, **fields: object) -> None:
        super().__init__(message)
        self.status = status
        error: Json = {"type": kind, "message": message}
        error.update((name, value) for name, value in fields.items() if value is not None)
        if "code" in error:
            error["doc_url"] = _DOCS + str(error["code"]).replace("_", "-")
        self.error = error

    @property
    def body(self) -> Json:
        """The JSON answer."""
        return {"error": self.error}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> SandboxError:
    """400: a parameter or a move that the provider refuses."""
    return SandboxError(400, "invalid_request_error", message, code=code, param=param)


def missing(param: str) -> SandboxError:
    """400: a required parameter is not there."""
    return invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")


def no_such(noun: str, ident: str, param: str = "id") -> SandboxError:
    """404: no object with this id in this account."""
    message = f"No such {noun}: '{ident}'"
    return SandboxError(404, "invalid_request_error", message, code="resource_missing", param=param)


def unknown_path(method: str, path: str) -> SandboxError:
    """404: the sandbox has no such resource."""
    return SandboxError(
        404, "invalid_request_error", f"Unrecognized request URL ({method}: {path})."
    )


def unauthorized(message: str) -> SandboxError:
    """401: no key, or one that is not a test key."""
    return SandboxError(401, "invalid_request_error", message)


def idempotency(status: int, message: str, code: str | None = None) -> SandboxError:
    """An idempotency key that is reused, in use or too long."""
    return SandboxError(status, "idempotency_error", message, code=code)


def server_error() -> SandboxError:
    """500: the provider failed, and does not say whether before or after the effect."""
    return SandboxError(500, "api_error", "An unknown error occurred (sandbox fault).")


def too_many() -> SandboxError:
    """429: asked too often."""
    return SandboxError(
        429, "invalid_request_error", "Request rate limit exceeded.", code="rate_limit"
    )
