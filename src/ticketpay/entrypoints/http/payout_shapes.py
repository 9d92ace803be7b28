"""The body of a payout: how much, in which currency, how fast, checked without coercion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ticketpay.domain.money import USD, Currency, Money
from ticketpay.domain.payments import AMOUNT_CENTS_MAX
from ticketpay.domain.payouts import PayoutSpeed
from ticketpay.entrypoints.http.shapes import Member, Record, integer, known, one_of

__all__ = ["PAYOUT", "read_payout"]

_AMOUNT: Final = Member("amountCents", integer(1, AMOUNT_CENTS_MAX))
_CURRENCY: Final = Member("currency", one_of(*(one.code for one in Currency)), required=False)
_TYPE: Final = Member("type", one_of(*map(str, PayoutSpeed)), required=False)

PAYOUT: Final = Record((_AMOUNT, _CURRENCY, _TYPE), closed=True)


def read_payout(body: object) -> tuple[Mapping[str, object], Money, PayoutSpeed]:
    """The members as they came, the amount and the speed; raises ``InvalidInput`` by field."""
    fields = PAYOUT.open(body, "body")
    amount, code, speed = fields.take(_AMOUNT), fields.take(_CURRENCY), fields.take(_TYPE)
    fields.raise_errors()
    money = Money(known(amount), Currency(code or USD.code))
    return fields.members, money, PayoutSpeed(speed or PayoutSpeed.STANDARD)
