"""A desk for the command line's tests: a database, the sandbox, a sale, and the program in process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import attrs
from click.testing import CliRunner, Result

from tests.support.databases import Database
from tests.support.sandboxed import place_order
from tests.support.scenery import Scenery
from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.payments import Payment
from ticketpay.entrypoints.bootstrap import build
from ticketpay.entrypoints.cli.main import cli
from ticketpay.entrypoints.settings import load_settings
from ticketpay.entrypoints.wiring import App

__all__ = ["SECRET", "Desk"]

SECRET = "a secret of at least 32 characters: yes"


@attrs.define
class Desk:
    """``run`` is the program; ``app`` is the same application, to sell with."""

    database: Database
    environment: Mapping[str, str]
    home: Scenery
    app: App

    @classmethod
    def open(cls, database: Database, sandbox_url: str) -> Desk:
        """A tenant of its own on ``database``."""
        environment = {
            "DATABASE_URL": database.app,
            "WORKER_DATABASE_URL": database.worker,
            "JWT_SECRET": SECRET,
            "STRIPE_SECRET_KEY": "sk_test_1",
            "STRIPE_API_BASE": sandbox_url,
            "STRIPE_WEBHOOK_SECRET": "whsec_1",
            "INTERNAL_WEBHOOK_SECRET": SECRET,
            "TICKETPAY_OPERATOR": "kim",
        }
        home = Scenery(capacity=100)
        database.load(home.catalog)
        return cls(database, environment, home, build(load_settings(environment)))

    @property
    def tenant(self) -> tuple[str, str]:
        """``--tenant ID``."""
        return ("--tenant", str(self.home.tenant))

    def run(self, *words: object, code: int = 0) -> Result:
        """Run the program; it must exit with ``code``."""
        done = CliRunner(env=dict(self.environment)).invoke(cli, [str(word) for word in words])
        assert done.exit_code == code, (done.exit_code, done.stdout, done.stderr)
        return done

    def json(self, *words: object, code: int = 0) -> Any:
        """Its one JSON document; nothing but that is on stdout, and nothing on stderr."""
        done = self.run(*words, "--json", code=code)
        assert done.stderr == ""
        return json.loads(done.stdout)

    def refused(self, *words: object, code: int) -> dict[str, str]:
        """The error in JSON, which is all that there is on stderr; nothing is on stdout."""
        done = self.run(*words, "--json", code=code)
        assert done.stdout == ""
        found: dict[str, str] = json.loads(done.stderr)
        return found

    def buy(self, card: str) -> Payment:
        """A payment of a new buyer."""
        order = place_order(self.home.actor(), uuid4(), self.home.demand(1), card)
        ident = PaymentId(UUID(str(self.app.checkout(order).body["id"])))
        payment = self.app.parts.uow.run(self.home.tenant, lambda tx: tx.payments.get(ident)())
        assert payment is not None
        return payment

    def trail(self) -> list[tuple[object, ...]]:
        """Action and operator of every entry of the tenant, oldest first."""
        return self.database.rows(
            "SELECT action, actor_id, subject_id FROM audit_entries WHERE tenant_id = %s"
            " AND actor_kind = 'operator' ORDER BY at, id",
            self.home.tenant,
        )
