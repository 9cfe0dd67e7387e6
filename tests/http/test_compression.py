"""What goes compressed, and what does not."""

import pytest

from tests.live import LiveServer

GZIP = {"accept-encoding": "gzip", "accept": "text/html"}


@pytest.mark.parametrize("path", ["/", "/train", "/static/js/label.js", "/static/css/base.css"])
def test_pages_scripts_and_styles_are_compressed_for_who_takes_it(server: LiveServer, path: str) -> None:
    packed = server.client.get(path, headers=GZIP, follow_redirects=True)
    plain = server.client.get(path, headers={**GZIP, "accept-encoding": "identity"}, follow_redirects=True)
    assert (packed.headers["content-encoding"], packed.status_code) == ("gzip", 200)
    assert int(packed.headers["content-length"]) < 0.7 * len(packed.content)
    assert "content-encoding" not in plain.headers
    assert "accept-encoding" in packed.headers["vary"].lower()
    assert "accept-encoding" in plain.headers["vary"].lower()


@pytest.mark.parametrize("path", ["/api/v1/versions", "/v1/models"])
def test_the_api_answers_as_it_is(server: LiveServer, path: str) -> None:
    answer = server.client.get(path, headers={"accept-encoding": "gzip"})
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers


def test_a_part_of_a_file_is_that_part(server: LiveServer) -> None:
    whole = server.client.get("/static/js/label.js").content
    part = server.client.get("/static/js/label.js", headers={**GZIP, "range": "bytes=10-1999"})
    assert (part.status_code, part.content) == (206, whole[10:2000])
