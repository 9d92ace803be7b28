"""A network that loses a commit: between client and server, before or after it takes effect."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import attrs

__all__ = ["LossyNetwork"]

_COMMIT: Final = b"COMMIT\x00"
_CHUNK: Final = 1 << 16


@attrs.define
class LossyNetwork:
    """A TCP relay to ``target``; ``lose`` names what happens to the next commit.

    ``before``: it never arrives; ``after``: it arrives, and its answer does not. The connection is
    then cut on both sides.
    """

    target: tuple[str, int]
    lose: str = ""
    _listener: socket.socket = attrs.field(factory=socket.socket, init=False)

    @classmethod
    @contextmanager
    def to(cls, host: str, port: int) -> Iterator[LossyNetwork]:
        """A relay that runs until the block ends."""
        network = cls((host, port))
        network._listener.bind(("127.0.0.1", 0))
        network._listener.listen()
        threading.Thread(target=network._accept, daemon=True).start()
        try:
            yield network
        finally:
            network._listener.close()

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self._listener.getsockname()[1])

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self.target)
                for work in (self._upstream, self._downstream):
                    threading.Thread(target=work, args=(client, server), daemon=True).start()

    def _upstream(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(_CHUNK):
                if _COMMIT in data and self.lose == "before":
                    break
                server.sendall(data)
        _cut(client, server)

    def _downstream(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(_CHUNK):
                if _COMMIT in data and self.lose == "after":
                    break
                client.sendall(data)
        _cut(client, server)


def _cut(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
