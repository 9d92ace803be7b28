"""The in-memory twin of the database: every port of a transaction, with the same constraints."""

from __future__ import annotations

from ticketpay.adapters.memory.catalog import MemoryCatalog
from ticketpay.adapters.memory.exchange import MemoryRateLoader
from ticketpay.adapters.memory.limits import MemoryPurchaseTurns, MemoryRateLimiter
from ticketpay.adapters.memory.store import SerializationFailure, Transaction
from ticketpay.adapters.memory.system import (
    Alert,
    RecordingAlerts,
    RecordingTickets,
    SeededIds,
    SeededRandom,
    VirtualClock,
)
from ticketpay.adapters.memory.tax import MemoryTaxRates
from ticketpay.adapters.memory.uow import MemoryUnitOfWork

__all__ = [
    "Alert",
    "MemoryCatalog",
    "MemoryPurchaseTurns",
    "MemoryRateLimiter",
    "MemoryRateLoader",
    "MemoryTaxRates",
    "MemoryUnitOfWork",
    "RecordingAlerts",
    "RecordingTickets",
    "SeededIds",
    "SeededRandom",
    "SerializationFailure",
    "Transaction",
    "VirtualClock",
]
