"""Origins as browsers write them (RFC 6454): a scheme, a host, and a port that is not the scheme's own."""

import ipaddress
import re
from urllib.parse import urlsplit

SCHEME = re.compile("[a-z][a-z0-9+.-]*")
LABEL = re.compile("[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
OWN_PORTS = {"http": 80, "https": 443}
FORM = "write each as https://example.org or http://localhost:3000, without a path"


def origins_of(text: str) -> tuple[str, ...]:
    """Of a list with commas. Raises ValueError with the rest of a sentence that begins with the list."""
    return tuple(dict.fromkeys(_origin(part.strip()) for part in text.split(",") if part.strip()))


def _origin(text: str) -> str:
    if text in {"*", "null"}:
        raise ValueError(f"names {text}, which would let in any page; {FORM}")
    wrong = ValueError(f"names {text!r}, which is not the origin of a page; {FORM}")
    try:
        parts = urlsplit(text.lower())
        host, port = parts.hostname or "", parts.port
        ascii_host = host if ":" in host else host.encode("idna").decode()
    except (ValueError, UnicodeError) as error:
        raise wrong from error
    bare = f"{parts.scheme}://{parts.netloc}" == text.lower() and "@" not in parts.netloc and port != 0
    if not (bare and SCHEME.fullmatch(parts.scheme) and _is_host(ascii_host)) or parts.netloc.endswith(":"):
        raise wrong
    shown = f"[{ipaddress.ip_address(host)}]" if ":" in host else ascii_host
    named_port = "" if port in (None, OWN_PORTS.get(parts.scheme)) else f":{port}"
    return f"{parts.scheme}://{shown}{named_port}"


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            return isinstance(ipaddress.ip_address(host), ipaddress.IPv6Address)
        except ValueError:
            return False
    return bool(host) and all(LABEL.fullmatch(label) for label in host.split("."))
