"""Hosts and ports: names are resolved, and what cannot be had is told in a sentence with the next step."""

import socket

import pytest

from app.errors import UnavailableError
from app.listening import address, free_port, listen


def test_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for use in (free_port, listen):
            with pytest.raises(UnavailableError, match=f"Port {port} on 127.0.0.1 cannot be used"):
                use("127.0.0.1", port)
    assert free_port("127.0.0.1", 0) > 0


@pytest.mark.parametrize("host", ["nowhere.invalid", "no name at all", "a..b", "x" * 64, "\u3002", "999.1.1.1"])
def test_a_host_that_has_no_address(host: str) -> None:
    with pytest.raises(UnavailableError, match=r"has no address here .*Set FOURFOLD_HOST to") as caught:
        listen(host, 0)
    assert repr(host) in caught.value.message


def test_an_address_of_another_machine() -> None:
    with pytest.raises(UnavailableError, match=r"203\.0\.113\.7 is not an address of this machine"):  # RFC 5737
        listen("203.0.113.7", 0)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "0.0.0.0"])
def test_names_and_addresses_are_listened_on(host: str) -> None:
    with listen(host, 0) as listener, socket.create_connection(("127.0.0.1", listener.getsockname()[1]), 5) as client:
        assert client.fileno() > 0


def test_address() -> None:
    assert address("127.0.0.1", 8000) == "http://127.0.0.1:8000"
    assert address("0.0.0.0", 8000) == "http://127.0.0.1:8000"
    assert address("::", 8000) == "http://[::1]:8000"
    assert address("[::1]", 8000) == "http://[::1]:8000"
