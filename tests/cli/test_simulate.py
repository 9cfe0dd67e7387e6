"""`fourfold simulate` where no server answers as it should; its rankings themselves: tests/simulation."""

import socket

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.cli import simulate


@pytest.mark.parametrize(
    ("listens", "said"), [(True, "did not answer within 0.05 seconds"), (False, "No server answers at")]
)
def test_a_server_that_does_not_answer_is_told_with_the_next_step(
    monkeypatch: pytest.MonkeyPatch, listens: bool, said: str
) -> None:
    monkeypatch.setattr(simulate, "PATIENCE_SECONDS", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        result = CliRunner().invoke(cli, ["simulate", "--url", url, "--rankings", "1"])
    assert result.exit_code == 1
    assert said in result.output
    assert url in result.output
