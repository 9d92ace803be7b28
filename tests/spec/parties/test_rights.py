"""Who may see and change what is a venue's (S08)."""

from __future__ import annotations

from uuid import UUID

import pytest

from ticketpay.domain.kernel.errors import Forbidden
from ticketpay.domain.kernel.ids import TenantId, UserId, VenueId
from ticketpay.domain.parties import STAFF, Actor, Role

MINE, OTHER = VenueId(UUID(int=1)), VenueId(UUID(int=2))
TWIN = {
    # role: sees its own, sees another, changes its own, changes another
    Role.CUSTOMER: (False, False, False, False),
    Role.VENUE_MANAGER: (True, False, True, False),
    Role.SUPPORT: (True, True, False, False),
    Role.COMPLIANCE: (False, False, False, False),
    Role.ADMIN: (True, True, True, True),
}


def actor(role: Role, *venues: VenueId) -> Actor:
    return Actor(
        tenant_id=TenantId(UUID(int=8)),
        user_id=UserId(UUID(int=9)),
        role=role,
        venues=frozenset(venues),
    )


@pytest.mark.spec("S08")
@pytest.mark.parametrize("role", Role)
def test_what_each_role_may_do_about_a_venue(role: Role) -> None:
    """A manager's venues are theirs; support sees every venue, an admin changes it, nobody else may."""
    somebody = actor(role, MINE)
    rights = (
        somebody.may_see(MINE),
        somebody.may_see(OTHER),
        somebody.may_change(MINE),
        somebody.may_change(OTHER),
    )
    assert rights == TWIN[role]
    assert not actor(Role.VENUE_MANAGER).may_see(MINE)
    assert somebody.is_staff is (role in STAFF) is (role in (Role.SUPPORT, Role.ADMIN))


@pytest.mark.spec("S08")
def test_a_role_is_required_by_its_name() -> None:
    """Who has none of the roles is told which one they have."""
    actor(Role.SUPPORT).require(*STAFF)
    with pytest.raises(Forbidden, match="role customer may not do this"):
        actor(Role.CUSTOMER).require(*STAFF)
