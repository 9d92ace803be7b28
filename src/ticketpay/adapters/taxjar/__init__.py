"""TaxJar: sales taxes outside of Tennessee, through its own client (S58, part 0.4)."""

from __future__ import annotations

from ticketpay.adapters.taxjar.rates import TaxJarRates

__all__ = ["TaxJarRates"]
