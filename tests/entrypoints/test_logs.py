"""Logs: one JSON object per line on stderr, whoever logs, and no requests of the libraries."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

CODE = """
import logging
from ticketpay.entrypoints import bootstrap
from ticketpay.entrypoints.settings import Settings
from ticketpay.adapters.system.alerts import LogAlerts
bootstrap.configure_logging(Settings(log_level="info"))
LogAlerts().raise_alert("webhook_dead", "line one\\nline two", event_id="evt_1")
logging.getLogger("ticketpay.worker").info("worker %s", "ready")
logging.getLogger("httpx").info("POST https://api.stripe.com/?secret=1")
logging.getLogger("stripe").debug("token=tok_1")
"""


@pytest.mark.spec("S09 D3")
def test_every_line_is_json() -> None:
    """Alerts and standard logging share one form; a line break in a text forges no second line."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    alert, ready = (json.loads(line) for line in done.stderr.splitlines())
    assert (alert["event"], alert["kind"], alert["level"]) == ("alert", "webhook_dead", "error")
    assert alert["ids"] == {"event_id": "evt_1"}
    assert (ready["event"], ready["level"]) == ("worker ready", "info")
    assert alert["time"].endswith("Z")
    assert ready["time"].endswith("Z")
    assert done.stdout == ""
