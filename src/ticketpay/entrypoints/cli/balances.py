"""``ticketpay balances``: what venues have; nothing here changes anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from ticketpay.domain.kernel.ids import TenantId, VenueId
from ticketpay.entrypoints.cli.common import of_tenant, opened, support_of
from ticketpay.entrypoints.cli.shell import Group, amount, emit_table

if TYPE_CHECKING:
    from ticketpay.domain.ledger import Balance

__all__ = ["balances"]

_BUCKETS = ("available", "pending", "reserved", "inTransit")


@click.group(cls=Group)
def balances() -> None:
    """What venues have."""


@balances.command("show")
@click.argument("venue", type=click.UUID)
@of_tenant
def balances_show(venue: UUID, tenant: UUID) -> None:
    """Print what a venue has in each currency, and what of it is payable."""
    columns = (*_BUCKETS, "payable")
    with opened(tenant, reading=True) as app:
        view: Any = app.venue_money.show.balance(support_of(tenant), VenueId(venue))
    rows = [
        (one["currency"], *(amount(one[f"{name}Cents"]) for name in columns))
        for one in view["balances"]
    ]
    emit_table(view, ("currency", *columns), rows)


@balances.command("list")
@of_tenant
@click.option("--owing", is_flag=True, help="Only venues that owe money.")
def balances_list(tenant: UUID, *, owing: bool) -> None:
    """Print what every venue has, those that owe most first."""
    with opened(tenant, reading=True) as app:
        views = _by_venue(app.trial_balance(TenantId(tenant)))
    if owing:
        views = [view for view in views if view["availableCents"] < 0]
    rows = [
        (view["venueId"], view["currency"], *(amount(view[f"{name}Cents"]) for name in _BUCKETS))
        for view in views
    ]
    emit_table(views, ("venue", "currency", *_BUCKETS), rows)


def _by_venue(found: Iterable[Balance]) -> list[dict[str, Any]]:
    from ticketpay.domain.ledger import AccountKind, Bucket

    names = dict(
        zip(
            (Bucket.AVAILABLE, Bucket.PENDING, Bucket.RESERVED, Bucket.IN_TRANSIT),
            _BUCKETS,
            strict=True,
        )
    )
    sums: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(_BUCKETS, 0))
    for balance in found:
        account = balance.account
        if account.kind is AccountKind.VENUE_PAYABLE:
            held = sums[account.party, account.currency.code]
            # A debt under an event counts at once, though it is taken at the next release, from
            # the reserve first.
            owed = account.bucket is Bucket.PENDING and balance.cents > 0
            held[names[Bucket.AVAILABLE if owed else account.bucket]] -= balance.cents
    for held in sums.values():
        taken = min(held["reserved"], max(0, -held["available"]))
        held["available"] += taken
        held["reserved"] -= taken
    views = [
        {"venueId": venue, "currency": currency}
        | {f"{name}Cents": cents for name, cents in held.items()}
        for (venue, currency), held in sums.items()
    ]
    return sorted(views, key=lambda view: (view["availableCents"], view["venueId"]))
