"""Migrations: plain SQL files, numbered, append-only, each in its own transaction (S04 D1)."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Any, Final

import psycopg
from psycopg import sql

from ticketpay.adapters.postgres.errors import as_owner, connect
from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.errors import Conflict

__all__ = ["APP_ROLE", "WORKER_ROLE", "apply_migrations", "check_role", "set_password"]

APP_ROLE: Final = "ticketpay_app"
WORKER_ROLE: Final = "ticketpay_worker"

_SQL: Final = load("migrate")


def apply_migrations(dsn: str) -> list[str]:
    """Apply what is missing, as the owner; returns the names applied.

    Raises ``Conflict`` when a file that is already applied has changed.
    """
    applied = []
    with as_owner(dsn, autocommit=True) as connection, connection.transaction():
        connection.execute(_SQL["one_at_a_time"])
        connection.execute(_SQL["make_history"])
        for name, text in _migrations():
            if _is_new(connection, name, text):
                connection.execute(text.encode())
                applied.append(name)
    return applied


def _migrations() -> list[tuple[str, str]]:
    folder = files("ticketpay.adapters.postgres").joinpath("migrations")
    named = [(f.name, f.read_text()) for f in folder.iterdir() if f.name.endswith(".sql")]
    return sorted(named)


def _is_new(connection: psycopg.Connection[Any], name: str, text: str) -> bool:
    digest = hashlib.sha256(text.encode()).hexdigest()
    row = connection.execute(_SQL["applied"], {"name": name}).fetchone()
    if row is None:
        connection.execute(_SQL["add_applied"], {"name": name, "sha256": digest})
        return True
    if row[0] != digest:
        raise Conflict(f"migration {name} was changed after it was applied")
    return False


def set_password(dsn: str, role: str, password: str) -> None:
    """Let ``role`` log in with ``password``."""
    with as_owner(dsn, autocommit=True) as connection, connection.transaction():
        connection.execute(_SQL["one_at_a_time"])
        connection.execute(
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(role), sql.Literal(password)
            )
        )


def check_role(dsn: str) -> None:
    """Refuse a role that would make row-level security void: owner, superuser, BYPASSRLS (S32).

    Raises ``Conflict`` with what to do.
    """
    with connect(dsn) as connection:
        row = connection.execute(_SQL["role"]).fetchone()
    if row is None or row[0]:
        who = "unknown" if row is None else row[1]
        raise Conflict(
            f"role {who} owns tables or bypasses row-level security:"
            f" connect as {APP_ROLE} or {WORKER_ROLE}"
        )
