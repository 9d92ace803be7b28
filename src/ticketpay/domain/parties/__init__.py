"""Parties: the tenants (ticketing platforms) and the people who act for them.

Vocabulary: a *tenant* owns every row; an *actor* is who calls, as the verified token says it.
"""

from __future__ import annotations

from ticketpay.domain.parties.model import STAFF, Actor, Role, Tenant

__all__ = ["STAFF", "Actor", "Role", "Tenant"]
