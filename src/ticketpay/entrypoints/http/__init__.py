"""The HTTP entrypoint: requests become commands, answers and errors become responses.

Nothing is decided here but who calls, whether the request can be understood, and how many
requests may work at once.
"""

from __future__ import annotations

from ticketpay.entrypoints.http.app import create_app
from ticketpay.entrypoints.http.auth import issue_token

__all__ = ["create_app", "issue_token"]
