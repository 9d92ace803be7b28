"""Outbound: signed calls to services of the same house."""

from __future__ import annotations

from ticketpay.adapters.outbound.tickets import HttpTicketService

__all__ = ["HttpTicketService"]
