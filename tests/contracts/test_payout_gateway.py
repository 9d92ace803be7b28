"""What a gateway of payouts promises: sent once, brought back when it came to nothing, and told."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import attrs
import pytest

from tests.support.scenery import START, a_payout
from ticketpay.adapters.memory import VirtualClock
from ticketpay.adapters.sandbox import SandboxModel
from ticketpay.adapters.stripe.payouts import StripePayouts
from ticketpay.domain.kernel.errors import OutcomeUnknown
from ticketpay.domain.kernel.ids import TenantId, VenueId
from ticketpay.domain.money import USD, Money
from ticketpay.domain.payouts import Payout, PayoutSpeed, PayoutState
from ticketpay.ports.payouts import PayoutGateway

pytestmark = pytest.mark.spec("S21", "S22")

TENANT = TenantId(UUID(int=7))
HEADERS = {
    "authorization": "Bearer sk_test_x",
    "content-type": "application/x-www-form-urlencoded",
}


@attrs.define
class Desk:
    """A gateway, the provider behind it, and the clock of both, which tests turn."""

    clock: VirtualClock = attrs.field(factory=lambda: VirtualClock(START))
    model: SandboxModel = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.model = SandboxModel(1, lambda: self.clock.now().timestamp())
        body = b"amount=90000&currency=usd&confirm=true&payment_method=pm_card_bypassPending"
        assert self.model.request("POST", "/v1/payment_intents", HEADERS, body).status == 200

    def gateway(self) -> PayoutGateway:
        return StripePayouts.create("sk_test_x", transport=self.model.request, now=self.clock.now)

    def payout(self) -> Payout:
        return attrs.evolve(a_payout(VenueId(uuid4()), self.clock.now()), account="acct_venue")

    def totals(self) -> list[int]:
        return [total.cents for total in self.gateway().totals(TENANT)]

    def faulty(self, operation: str, fault: str) -> None:
        body = json.dumps({"operation": operation, "fault": fault, "times": 1}).encode()
        assert self.model.request("POST", "/_sandbox/faults", {}, body).status == 200


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_payout_is_sent_once(desk: Desk) -> None:
    """However often it is asked for, before or after its id is known, the money leaves once."""
    payout, gateway = desk.payout(), desk.gateway()
    facts = [gateway.send(TENANT, payout) for _ in range(3)]
    assert {fact.state for fact in facts} == {PayoutState.PROCESSING}
    (ident,) = {fact.provider_payout_id for fact in facts}
    known = attrs.evolve(payout, provider_payout_id=ident)
    assert gateway.send(TENANT, known) == facts[0]
    assert desk.totals() == [-payout.amount.cents]
    assert list(gateway.totals(TenantId(uuid4()))) == []


def test_a_refused_transfer_says_why(desk: Desk) -> None:
    """More than the platform has there is not sent; the provider's own code is told."""
    payout = attrs.evolve(desk.payout(), amount=Money(90_001, USD))
    fact = desk.gateway().send(TENANT, payout)
    assert fact.state is PayoutState.FAILED
    assert fact.failure is not None
    assert fact.failure.code == "balance_insufficient"
    assert desk.totals() == []


def test_an_old_payout_is_looked_for_first(desk: Desk) -> None:
    """When the keys are forgotten there, what was made is found and nothing is made again."""
    payout = desk.payout()
    first = desk.gateway().send(TENANT, payout)
    desk.clock.advance(3 * 86_400)
    assert desk.gateway().send(TENANT, payout).provider_payout_id == first.provider_payout_id
    assert desk.totals() == [-payout.amount.cents]


def test_an_old_payout_that_never_arrived_has_failed(desk: Desk) -> None:
    """Nobody sends it now; while the last request may be on its way, nobody says that it failed."""
    payout = desk.payout()
    desk.clock.advance(24 * 3_600)
    with pytest.raises(OutcomeUnknown):
        desk.gateway().send(TENANT, payout)
    desk.clock.advance(3 * 86_400)
    fact = desk.gateway().send(TENANT, payout)
    assert (fact.state, desk.totals()) == (PayoutState.FAILED, [])


def test_a_payout_that_failed_is_brought_back(desk: Desk) -> None:
    """Its transfer is reversed before anybody is told, and once."""
    payout = desk.payout()
    sent = desk.gateway().send(TENANT, payout)
    path = f"/_sandbox/payouts/{sent.provider_payout_id}/fail"
    assert desk.model.request("POST", path, {}, b"{}").status == 200
    (transfer,) = desk.model._world.account("").of("transfer")._items
    by_hand = f"/v1/transfers/{transfer}/reversals"
    assert desk.model.request("POST", by_hand, HEADERS, b"amount=1").status == 200
    for known in ("", sent.provider_payout_id):
        fact = desk.gateway().send(TENANT, attrs.evolve(payout, provider_payout_id=known))
        assert fact.state is PayoutState.FAILED
        assert fact.failure is not None
    assert desk.totals() == []


def test_what_was_brought_back_is_never_sent_again(desk: Desk) -> None:
    """Even when all keys are forgotten and the account has others' money by now."""
    payout = attrs.evolve(desk.payout(), fee=Money(100, USD), speed=PayoutSpeed.INSTANT)
    wanted = f"amount={payout.amount.cents}&currency=usd&destination=acct_venue"
    about = f"metadata[tenant_id]={TENANT}&metadata[payout_id]={payout.id}"
    about += f"&transfer_group=payout:{payout.id}"
    made = desk.model.request("POST", "/v1/transfers", HEADERS, f"{wanted}&{about}".encode())
    path = f"/v1/transfers/{json.loads(made.body)['id']}/reversals"
    back = desk.model.request("POST", path, HEADERS, f"amount={payout.net.cents}".encode())
    assert back.status == 200
    desk.model._world.account("acct_venue").ledger._available["usd"] += 1_000_000
    desk.clock.advance(3 * 86_400)
    fact = desk.gateway().send(TENANT, payout)
    assert (fact.state, fact.lost_cents) == (PayoutState.FAILED, 100)
    assert list(desk.model._world.account("acct_venue").of("payout")._items) == []
