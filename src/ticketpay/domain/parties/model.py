"""Tenants, roles and actors (S04, S08)."""

from __future__ import annotations

from enum import StrEnum

import attrs

from ticketpay.domain.kernel.errors import Forbidden
from ticketpay.domain.kernel.ids import TenantId, UserId, VenueId

__all__ = ["Actor", "Role", "Tenant"]


class Role(StrEnum):
    """What somebody may do (S08); every endpoint names the roles that it lets in."""

    CUSTOMER = "customer"
    VENUE_MANAGER = "venue_manager"
    SUPPORT = "support"
    COMPLIANCE = "compliance"
    ADMIN = "admin"


@attrs.frozen(kw_only=True)
class Tenant:
    """A ticketing platform; collects sales tax only in its ``nexus_states`` (S58 D5)."""

    id: TenantId
    name: str
    slug: str
    nexus_states: frozenset[str] = frozenset({"TN"})


@attrs.frozen(kw_only=True)
class Actor:
    """Who calls, from the verified token and nothing else (S08 D1)."""

    tenant_id: TenantId
    user_id: UserId
    role: Role
    venues: frozenset[VenueId] = frozenset()

    def require(self, *roles: Role) -> None:
        """Raise ``Forbidden`` unless the actor has one of ``roles``."""
        if self.role not in roles:
            raise Forbidden(f"role {self.role} may not do this")
