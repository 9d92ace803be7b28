"""``ticketpay serve`` without settings: a development stack, and what to type to use it."""

from __future__ import annotations

import json
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import click

from ticketpay.adapters.embedded.folders import default_data_folder
from ticketpay.entrypoints import bootstrap
from ticketpay.entrypoints.catalog_file import read_catalog
from ticketpay.entrypoints.cli.tokens import token_for
from ticketpay.entrypoints.demo import CATALOG
from ticketpay.entrypoints.settings import Settings, load_settings
from ticketpay.entrypoints.stack import DevelopmentStack

if TYPE_CHECKING:
    from types import FrameType

    from ticketpay.domain.catalog import Catalog

__all__ = ["curl_command", "serve_development"]

_USER = UUID("018f6b1a-0000-7000-8000-0000000000aa")
_TOKEN_MINUTES = 24 * 60
_LOOK_SECONDS = 0.5


def serve_development(port: int) -> None:
    """Run the stack until Ctrl-C or SIGTERM, or until one of its processes ends."""
    signal.signal(signal.SIGTERM, _interrupt)
    with (
        suppress(KeyboardInterrupt),
        DevelopmentStack.start(default_data_folder(), port=port, tell=click.echo) as stack,
    ):
        settings = load_settings(stack.environment)
        catalog = read_catalog(CATALOG)
        bootstrap.catalog_writer(settings).load(catalog)
        _introduce(stack, settings, catalog)
        while True:
            time.sleep(_LOOK_SECONDS)
            stack.check()
    click.echo("stopped")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _introduce(stack: DevelopmentStack, settings: Settings, catalog: Catalog) -> None:
    tenant = catalog.tenant
    token = token_for(
        settings, tenant=tenant.id, user=_USER, role="customer", minutes=_TOKEN_MINUTES
    )
    for note in stack.notes:
        click.echo(f"note: {note}")
    click.echo(f"data folder  {stack.data_folder}")
    click.echo(f"tenant       {tenant.name} {tenant.id}")
    click.echo(f"Valkey       {stack.valkey.url}")
    click.echo(f"sandbox      {stack.sandbox_url}")
    click.echo(f"API          {stack.api_url}")
    click.echo(f"\na customer's token, good for a day:\n{token}")
    click.echo(f"\nbuy a ticket:\n{curl_command(stack.api_url, token, catalog)}")
    click.echo("\nCtrl-C stops everything")


def curl_command(api_url: str, token: str, catalog: Catalog) -> str:
    """A purchase of one ticket as a command line that works as pasted, once."""
    kind = next(stocked.type for stocked in catalog.types if not stocked.type.seated)
    event = next(event for event in catalog.events if event.id == kind.event_id)
    body = {
        "venueId": str(event.venue_id),
        "eventId": str(event.id),
        "tickets": [{"ticketTypeId": str(kind.id), "quantity": 1}],
        "paymentMethod": {"type": "card", "paymentMethodId": "pm_card_visa"},
        "deviceFingerprint": "curl",
    }
    return (
        f"curl -s {api_url}/api/v1/payments"
        f" \\\n  -H 'Authorization: Bearer {token}'"
        f" \\\n  -H 'Idempotency-Key: {uuid4()}'"
        f" \\\n  -H 'Content-Type: application/json'"
        f" \\\n  -d '{json.dumps(body)}'"
    )
