from collections.abc import Iterator

import pytest

from tests.live import LiveServer
from tests.web.visitor import Visitor


@pytest.fixture
def visitor(server: LiveServer) -> Iterator[Visitor]:
    found = Visitor(server)
    yield found
    found.client.close()
