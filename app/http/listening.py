"""Where the web server listens: the host resolved, the port bound, and the address as a browser opens it."""

import errno
import ipaddress
import socket
from typing import Any

from app.errors import UnavailableError
from app.settings.config import Settings

BACKLOG = 128
Place = tuple[socket.AddressFamily, Any]
"""A family and its socket address."""


def resolved(host: str, port: int) -> Place:
    """Of a name that has several addresses one of IPv4. Raises UnavailableError for a host that has none."""
    try:
        addresses = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise UnavailableError(
            f"The host {host!r} has no address here ({_reason(error)}). Set FOURFOLD_HOST to a name or an address of "
            "this machine: 127.0.0.1 for this machine alone, 0.0.0.0 for all its networks."
        ) from error
    family, _, _, _, place = min(addresses, key=lambda item: item[0] is not socket.AF_INET)
    return family, place


def is_loopback(place: Place) -> bool:
    """Whether only this machine reaches it."""
    address = ipaddress.ip_address(place[1][0].partition("%")[0])
    return ((isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address).is_loopback


def check_guarded(settings: Settings) -> None:
    """Raises UnavailableError where other machines could reach a server that lets in everybody, and nobody said that
    this is meant."""
    if settings.token is not None or settings.open:
        return
    reached_at = settings.published_host or settings.host
    if not is_loopback(resolved(reached_at, settings.port)):
        raise UnavailableError(
            f"Other machines can reach {reached_at}, and everybody there could rank, train and read all that is kept. "
            "Set FOURFOLD_TOKEN to a secret of 16 characters or more, which browsers sign in with and programs send, "
            "or FOURFOLD_OPEN=1 if everybody may. Nothing was started."
        )


def bound(host: str, port: int) -> socket.socket:
    """A socket that has the port (a free one for 0). Raises UnavailableError when it cannot be had."""
    family, place = resolved(host, port)
    # asyncio sends at once (TCP_NODELAY) only where TCP is named; else every answer waits 40 ms for the client's ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(place)
    except OSError as error:
        listener.close()
        raise UnavailableError(_refused(host, port, error)) from error
    return listener


def listen(host: str, port: int) -> socket.socket:
    """Bound before the model is loaded: a taken port is told at once. Raises UnavailableError."""
    listener = bound(host, port)
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise UnavailableError(_refused(host, port, error)) from error
    return listener


def free_port(host: str, port: int) -> int:
    """The port to listen on (a free one for 0); raises UnavailableError when it is taken."""
    with bound(host, port) as probe:
        free: int = probe.getsockname()[1]
        return free


def address(host: str, port: int) -> str:
    """As a browser on this machine opens it."""
    host = host.strip("[]")
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _refused(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine. Set FOURFOLD_HOST to one that is. Nothing was started."
    other = 8000 if port < 1024 or port == 65535 else port + 1
    return (
        f"Port {port} on {host} cannot be used ({error.strerror}). Stop the program that has it, or choose another: "
        f"FOURFOLD_PORT={other}. Nothing was started."
    )


def _reason(error: Exception) -> str:
    return str(error.strerror) if isinstance(error, socket.gaierror) else "it is not a host name"
