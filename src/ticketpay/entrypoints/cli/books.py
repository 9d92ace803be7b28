"""The books on the command line: the trial balance and the verification of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from ticketpay.domain.kernel.errors import NotFound
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.entrypoints.cli.shell import amount

if TYPE_CHECKING:
    from ticketpay.domain.ledger import Balance
    from ticketpay.entrypoints.settings import Settings
    from ticketpay.entrypoints.wiring import App

__all__ = [
    "aligned",
    "balance_rows",
    "balance_view",
    "balances",
    "differences",
    "open_app",
    "require_known",
]


@contextmanager
def open_app(settings: Settings, *, worker: bool = False, reading: bool = False) -> Iterator[App]:
    """The application on the databases of the settings, closed afterwards."""
    from ticketpay.entrypoints import bootstrap

    app = bootstrap.build(settings, worker=worker, reading=reading)
    try:
        yield app
    finally:
        app.close()


def balances(settings: Settings, tenant: UUID) -> tuple[Balance, ...]:
    """Every account of the tenant with its balance; raises ``NotFound``."""
    require_known(settings, tenant)
    with open_app(settings, reading=True) as app:
        return tuple(app.trial_balance(TenantId(tenant)))


def balance_view(balance: Balance) -> dict[str, object]:
    """An account as JSON; a debit is positive."""
    account = balance.account
    return {
        "kind": str(account.kind),
        "party": account.party,
        "subject": account.subject,
        "bucket": str(account.bucket),
        "balanceCents": balance.cents,
        "currency": account.currency.code,
    }


def aligned(found: Iterable[Balance]) -> list[str]:
    """The lines of the trial balance, aligned, with a total per currency."""
    rows = balance_rows(found)
    head = ("account", "currency", "debit", "credit")
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(4)]
    return [
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}"
        for a, b, c, d in (head, *rows)
    ]


def balance_rows(balances: Iterable[Balance]) -> list[tuple[str, str, str, str]]:
    """(account, currency, debit, credit) per account and in total; amounts with two decimals."""
    totals: dict[str, list[int]] = {}
    rows = []
    for balance in sorted(balances, key=lambda b: (b.account.currency.code, _name(b))):
        code, cents = balance.account.currency.code, balance.cents
        sums = totals.setdefault(code, [0, 0])
        sums[cents < 0] += abs(cents)
        debit, credit = (amount(cents), "") if cents >= 0 else ("", amount(-cents))
        rows.append((_name(balance), code, debit, credit))
    ends = [("total", code, amount(d), amount(c)) for code, (d, c) in sorted(totals.items())]
    return rows + ends


def differences(settings: Settings, tenant: UUID) -> tuple[str, ...]:
    """What does not agree; empty when everything does."""
    require_known(settings, tenant)
    with open_app(settings) as app:
        return app.verify_ledger(TenantId(tenant)).differences


def require_known(settings: Settings, tenant: UUID) -> None:
    """Raise ``NotFound`` unless the tenant is in one of the databases: a typing error is no proof."""
    from ticketpay.entrypoints import bootstrap

    if tenant not in bootstrap.tenants(settings, worker=False):
        raise NotFound(f"there is no tenant {tenant}")


def _name(balance: Balance) -> str:
    account = balance.account
    parts = (str(account.kind), account.party, account.subject, str(account.bucket))
    return " ".join(part for part in parts if part)
