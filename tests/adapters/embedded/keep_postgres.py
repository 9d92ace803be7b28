"""Start PostgreSQL on the folder given, say so on one line of JSON, and sleep until killed."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from ticketpay.adapters.embedded.postgres import EmbeddedPostgres

server = EmbeddedPostgres.start(Path(sys.argv[1]))
about = {"pid": server.pid, "dsn": server.dsn(), "uid": os.getuid()}
sys.stdout.write(json.dumps(about) + "\n")
sys.stdout.flush()
time.sleep(600)
