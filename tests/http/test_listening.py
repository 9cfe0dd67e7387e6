"""Hosts and ports: names are resolved, and what cannot be had is told in a sentence with the next step."""

import asyncio
import socket
import subprocess
from pathlib import Path

import pytest

from app.errors import UnavailableError
from app.http.listening import address, check_guarded, free_port, listen, resolved
from app.processes import own_process
from app.settings.config import Settings


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


def test_answers_are_sent_at_once() -> None:
    """Nagle's algorithm would hold an answer's last part back for 40 ms, until the client has seen the first."""
    options: list[int] = []

    async def serve() -> None:
        async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            options.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listen("127.0.0.1", 0) as listener:
            async with await asyncio.start_server(note, sock=listener):
                reader, writer = await asyncio.open_connection(*listener.getsockname())
                await reader.read()
                writer.close()

    asyncio.run(serve())
    assert options
    assert all(options)


def test_address() -> None:
    assert address("127.0.0.1", 8000) == "http://127.0.0.1:8000"
    assert address("0.0.0.0", 8000) == "http://127.0.0.1:8000"
    assert address("::", 8000) == "http://[::1]:8000"
    assert address("[::1]", 8000) == "http://[::1]:8000"


def settings(**values: object) -> Settings:
    return Settings(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "0", "[::]", "203.0.113.7", "::ffff:203.0.113.7"])
def test_a_host_that_others_reach_needs_a_token_or_a_word(host: str) -> None:
    with pytest.raises(UnavailableError, match=r"Set FOURFOLD_TOKEN to a secret .*FOURFOLD_OPEN=1"):
        check_guarded(settings(host=host))
    check_guarded(settings(host=host, token="0123456789abcdef"))
    check_guarded(settings(host=host, open=True))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1", "[::1]", "::ffff:127.0.0.1"])
def test_a_host_of_this_machine_alone_needs_nothing(host: str) -> None:
    check_guarded(settings(host=host))


def test_in_a_container_it_goes_by_where_the_port_is_published() -> None:
    check_guarded(settings(host="0.0.0.0", published_host="127.0.0.1"))
    with pytest.raises(UnavailableError, match="Other machines can reach 0"):
        check_guarded(settings(host="0.0.0.0", published_host="0.0.0.0"))
    with pytest.raises(UnavailableError, match="Other machines can reach 0"):
        check_guarded(settings(host="127.0.0.1", published_host="0.0.0.0"))


@pytest.mark.parametrize("verb", ["serve", "run"])
def test_an_open_host_is_refused_before_anything_is_written(verb: str, tmp_path: Path) -> None:
    done = subprocess.run(
        own_process.command("app", verb),
        env=own_process.environment() | {"FOURFOLD_HOST": "0.0.0.0", "FOURFOLD_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Other machines can reach 0.0.0.0")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_a_name_of_both_families_is_taken_by_the_older(monkeypatch: pytest.MonkeyPatch) -> None:
    """Browsers find both; what others write down as 127.0.0.1 is there."""
    both: list[tuple[object, ...]] = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 80, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    assert resolved("localhost", 80) == (socket.AF_INET, ("127.0.0.1", 80))
