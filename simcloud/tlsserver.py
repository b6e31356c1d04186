"""A small threaded HTTPS server: the handshake is the connection's own, so that a slow client stops nobody else."""

from __future__ import annotations

import http.client
import ssl
from http.server import ThreadingHTTPServer
from typing import Any


class TlsServer(ThreadingHTTPServer):
    """Set `tls` before it serves."""

    daemon_threads = True
    tls: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        try:
            wrapped = self.tls.wrap_socket(request, server_side=True)
        except (OSError, ssl.SSLError):
            return
        try:
            super().finish_request(wrapped, client_address)
        except (OSError, http.client.HTTPException):
            return
        finally:
            wrapped.close()
