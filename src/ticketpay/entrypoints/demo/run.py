"""The demo from start to end: a stack of its own, all stories at once, then the audit.

It works in ``demo`` below the data folder, wiped at the start, so that every run begins afresh.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from typing import TYPE_CHECKING, Final
from uuid import UUID

from ticketpay.adapters.embedded.folders import default_data_folder
from ticketpay.entrypoints import bootstrap
from ticketpay.entrypoints.catalog_file import read_catalog
from ticketpay.entrypoints.cli.books import balance_rows
from ticketpay.entrypoints.cli.tokens import token_for
from ticketpay.entrypoints.demo import CATALOG
from ticketpay.entrypoints.demo.aftermath import Aftermath
from ticketpay.entrypoints.demo.audit import Audit, plant_one_cent
from ticketpay.entrypoints.demo.shop import Shop
from ticketpay.entrypoints.demo.show import Screen
from ticketpay.entrypoints.demo.stories import STORIES, Purchase, Result
from ticketpay.entrypoints.settings import Settings, load_settings
from ticketpay.entrypoints.stack import DevelopmentStack

if TYPE_CHECKING:
    from ticketpay.domain.catalog import Catalog

__all__ = ["run_demo"]

_PAYMENT_TIMEOUT_MS: Final = 2_000
_PLANT: Final = "TICKETPAY_DEMO_PLANT"


def run_demo() -> bool:
    """Run it and show it; whether everything came as expected."""
    screen = Screen()
    folder = default_data_folder() / "demo"
    with DevelopmentStack.start(
        folder, payment_timeout_ms=_PAYMENT_TIMEOUT_MS, fresh=True, tell=screen.step
    ) as stack:
        for note in stack.notes:
            screen.step(note)
        settings = load_settings(stack.environment)
        catalog = read_catalog(CATALOG)
        bootstrap.catalog_writer(settings).load(catalog)
        screen.step(f"loaded the catalogue of {catalog.tenant.name}")
        app = bootstrap.build(settings)
        shop = Shop.at(
            stack.api_url,
            stack.sandbox_url,
            settings.stripe_secret_key.value,
            catalog,
            _signer(settings, catalog),
        )
        with closing(app), closing(shop):
            audit = Audit(
                shop=shop,
                app=app,
                tickets_url=stack.tickets_url,
                owner_dsn=settings.migration_database_url.value,
            )
            return _sell_and_audit(screen, audit)


def _signer(settings: Settings, catalog: Catalog) -> Callable[[UUID, str], str]:
    tenant = catalog.tenant.id
    return lambda user, role: token_for(settings, tenant=tenant, user=user, role=role, minutes=60)


def _sell_and_audit(screen: Screen, audit: Audit) -> bool:
    results = _sell(screen, audit.shop)
    purchases = [purchase for result in results for purchase in result.purchases]
    screen.step(f"{len(purchases)} orders are paid; waiting for the worker")
    waited = audit.wait(purchases)
    screen.step(f"the worker needed {waited:.1f} s more")
    checks = audit.checks(purchases)
    screen.step("after the sale: a refund, two disputes, a cancelled event, a payout")
    after = Aftermath(shop=audit.shop, app=audit.app).run()
    audit.wait(())
    tenant = audit.shop.catalog.tenant.id
    if os.environ.get(_PLANT) == "one-cent":
        plant_one_cent(audit.owner_dsn, tenant)
    differences = audit.differences()
    screen.results(results)
    screen.results(after, title="After the sale", what="what")
    if receipt := _longest(purchases):
        screen.receipt(receipt.buyer.order(receipt.order))
    screen.books(balance_rows(audit.app.trial_balance(tenant)))
    screen.checks(checks)
    ok = all(r.ok for r in (*results, *after)) and all(c.ok for c in checks) and not differences
    screen.verdict(differences, ok=ok)
    return ok


def _sell(screen: Screen, shop: Shop) -> list[Result]:
    """All stories at the same time, each in a thread; the results in the stories' order."""
    screen.step(f"{len(STORIES)} stories begin at once")
    with ThreadPoolExecutor(len(STORIES)) as crowd:
        told = {crowd.submit(story.run, shop): story for story in STORIES}
        for future in as_completed(told):
            screen.step(f"{told[future].name}: {future.result().actual}")
    return [future.result() for future in told]


def _longest(purchases: list[Purchase]) -> Purchase | None:
    return max(purchases, key=lambda purchase: purchase.tickets, default=None)
