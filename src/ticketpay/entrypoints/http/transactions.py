"""The query of ``GET /transactions``, and a page as JSON (S17)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ticketpay.domain.payments.sales import SaleStatus
from ticketpay.domain.processes.listing import SalesPage, SalesQuery, sale_view
from ticketpay.entrypoints.http.query import (
    Check,
    bounded,
    one_of,
    query_invalid,
    read_query,
    uuid_text,
)
from ticketpay.entrypoints.http.shapes import Shape

if TYPE_CHECKING:
    from starlette.requests import Request

    from ticketpay.domain.parties import Actor
    from ticketpay.entrypoints.http.paging import Cursors

__all__ = ["SALES_QUERY", "page_view", "read_sales_query"]

SALES_QUERY: Final[Mapping[str, Check]] = {
    "limit": bounded(1, 100),
    "venueId": uuid_text,
    "status": one_of({str(status): status for status in SaleStatus}),
    "cursor": Shape(str, {"type": "string"}),
}


def read_sales_query(request: Request, actor: Actor, cursors: Cursors) -> SalesQuery:
    """Which sales are asked for; raises ``QueryInvalid`` naming every wrong parameter."""
    sent = read_query(request, SALES_QUERY)
    wanted: dict[str, Any] = {"venue_id": sent.get("venueId"), "status": sent.get("status")}
    if "limit" in sent:
        wanted["limit"] = sent["limit"]
    query = SalesQuery(**wanted)
    if "cursor" not in sent:
        return query
    try:
        after = cursors.read(sent["cursor"], _list_of(actor, query))
    except ValueError as error:
        raise query_invalid({"cursor": str(error)}) from error
    return SalesQuery(**wanted, after=after)


def page_view(page: SalesPage, actor: Actor, query: SalesQuery, cursors: Cursors) -> dict[str, Any]:
    """The page; ``nextCursor`` is null after the last one."""
    following = cursors.write(page.next, _list_of(actor, query)) if page.next else None
    return {"transactions": [sale_view(sale) for sale in page.sales], "nextCursor": following}


def _list_of(actor: Actor, query: SalesQuery) -> str:
    """What a cursor is bound to: the tenant, whose sales, and the filter."""
    whose = query.venue_id or actor.user_id
    kind = "venue" if query.venue_id else "user"
    return f"{actor.tenant_id}/{kind}/{whose}/{query.status or ''}"
