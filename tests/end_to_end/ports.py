"""Ports for an Airflow of a test's own."""

import socket


def two_free_ports() -> int:
    """The first of two free neighbours: its own, and the one after it that Airflow takes as well."""
    while True:
        with socket.socket() as one, socket.socket() as next_one:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                next_one.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
