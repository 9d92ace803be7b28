"""Ports for taxes that somebody else calculates."""

from __future__ import annotations

from typing import Protocol

from ticketpay.domain.pricing import TaxPart, TaxQuestion

__all__ = ["TaxRates"]


class TaxRates(Protocol):
    """**Protocol:** a calculator of sales taxes; never called inside a transaction."""

    def ask(self, question: TaxQuestion) -> tuple[TaxPart, ...]:
        """The taxes on the amount, at least the state's, each in cents and 0 or more.

        The same question gives the same answer for some minutes. Raises ``Unavailable`` when there
        is none, or none that can be believed.
        """
        ...
