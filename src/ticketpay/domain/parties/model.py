"""Tenants, roles and actors (S04, S08)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import attrs

from ticketpay.domain.kernel.errors import Forbidden
from ticketpay.domain.kernel.ids import TenantId, UserId, VenueId

__all__ = ["STAFF", "Actor", "Role", "Tenant"]


class Role(StrEnum):
    """What somebody may do (S08); every endpoint names the roles that it lets in."""

    CUSTOMER = "customer"
    VENUE_MANAGER = "venue_manager"
    SUPPORT = "support"
    COMPLIANCE = "compliance"
    ADMIN = "admin"


STAFF: Final = (Role.SUPPORT, Role.ADMIN)
"""Who acts for the platform, for every buyer and venue of the tenant."""


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

    @property
    def is_staff(self) -> bool:
        """Whether they are of the platform's support, or admins."""
        return self.role in STAFF

    def manages(self, venue_id: VenueId) -> bool:
        """Whether it is one of the venues that they manage."""
        return self.role is Role.VENUE_MANAGER and venue_id in self.venues

    def may_see(self, venue_id: VenueId) -> bool:
        """Whether the venue's money, sales and plan are shown to them."""
        return self.manages(venue_id) or self.is_staff

    def may_change(self, venue_id: VenueId) -> bool:
        """Whether they may pay the venue out and change its plan."""
        return self.manages(venue_id) or self.role is Role.ADMIN

    def require(self, *roles: Role) -> None:
        """Raise ``Forbidden`` unless the actor has one of ``roles``."""
        if self.role not in roles:
            raise Forbidden(f"role {self.role} may not do this")
