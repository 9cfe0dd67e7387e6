"""Limits guesses of the token by address: a few at once, then one every few seconds, in bounded memory.

The same wrong token again is no guess: a program with yesterday's token locks nobody out, not even itself.
"""

import hashlib
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

AT_ONCE = 10
SECONDS_EACH = 10.0
MAX_ADDRESSES = 4_096
IPV6_NETWORK = 64  # one customer has all of it


@dataclass
class _Bucket:
    left: float
    at: float
    last: bytes


class Guesses:
    """A bucket for each address (Turner 1986): each wrong token takes one out, and time fills it again.

    `clock`: seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def seconds_to_wait(self, request: Request, presented: str) -> int:
        """0 where it may be held against the token now."""
        bucket = self._bucket(_address(request))
        if bucket is None or bucket.left >= 1 or bucket.last == _digest(presented):
            return 0
        return math.ceil((1 - bucket.left) * SECONDS_EACH)

    def note_wrong(self, request: Request, presented: str) -> None:
        address, digest = _address(request), _digest(presented)
        bucket = self._bucket(address)
        if bucket is not None and bucket.last == digest:
            return
        left = (AT_ONCE if bucket is None else bucket.left) - 1
        self._buckets[address] = _Bucket(left, self._clock(), digest)
        self._buckets.move_to_end(address)
        if len(self._buckets) > MAX_ADDRESSES:
            self._buckets.popitem(last=False)

    def _bucket(self, address: str) -> _Bucket | None:
        """As it is now."""
        bucket = self._buckets.get(address)
        if bucket is not None:
            now = self._clock()
            bucket.left = min(AT_ONCE, bucket.left + (now - bucket.at) / SECONDS_EACH)
            bucket.at = now
        return bucket


def _digest(presented: str) -> bytes:
    """What was tried is not kept."""
    return hashlib.sha256(presented.encode(errors="replace")).digest()


def _address(request: Request) -> str:
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, IPV6_NETWORK), strict=False))
    return host
