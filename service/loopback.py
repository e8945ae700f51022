"""Which hosts are this machine: asked by `server.py` for its own address and by `api/middleware.py` for requests'."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether only this machine can be meant: `localhost`, `127.0.0.0/8` or `::1`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
