"""What is seen of the page in a copy of the program: its link, what it shows, and the way to it from an error."""

import re

from tests.live import LiveServer
from tests.web.visitor import Visitor, words_of


def test_it_is_linked_shown_and_led_to(server: LiveServer) -> None:
    visitor = Visitor(server)
    page = visitor.get("/about-this-model")
    assert "SFT model 1 answers now." in words_of(page)
    assert re.search(r'<a href="/about-this-model" [^>]*aria-current="page"[^>]*>Model</a>', page)
    assert re.search(r'<a href="/about-this-model"(?![^>]*aria-current)[^>]*>Model</a>', visitor.get("/train"))
    lost = visitor.client.get("/about-this-model/size")
    assert lost.status_code == 404
    assert '<a class="button primary" href="/about-this-model">Go to the model</a>' in lost.text
    visitor.client.close()
