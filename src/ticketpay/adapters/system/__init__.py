"""The machine: its clock, fresh identifiers, chance, a bell, and how the process logs."""

from __future__ import annotations

from ticketpay.adapters.system.alerts import LogAlerts
from ticketpay.adapters.system.chance import SystemRandom
from ticketpay.adapters.system.clock import SystemClock
from ticketpay.adapters.system.ids import Uuid7
from ticketpay.adapters.system.logging import configure_logging

__all__ = ["LogAlerts", "SystemClock", "SystemRandom", "Uuid7", "configure_logging"]
