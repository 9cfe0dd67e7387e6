"""A browser without JavaScript: keeps the cookies and sends forms with their token."""

import re
from html import unescape

import httpx2

from tests.live import LiveServer

ENGLISH_SIGN = re.compile(r".{0,40}[\u4e00-\u9fff](?:</\w+>)*\s*[.,;:!?](?!\w).{0,20}")
"""Behind Chinese: a sign that the page itself put there, for messages have their own (tests/test_messages.py)."""


def _read_signs(response: httpx2.Response) -> None:
    """Of every Chinese page that any test gets."""
    if not response.headers.get("content-type", "").startswith("text/html"):
        return
    response.read()
    if '<html lang="zh"' in response.text:
        spoken = re.sub(r"<(script|style|textarea)\b.*?</\1>", "", response.text, flags=re.DOTALL)
        assert ENGLISH_SIGN.findall(spoken) == [], response.url


class Visitor:
    def __init__(self, server: LiveServer) -> None:
        self.client = httpx2.Client(base_url=server.url, follow_redirects=True, headers={"accept": "text/html"})
        self.client.event_hooks = {"response": [_read_signs]}

    def get(self, path: str) -> str:
        response = self.client.get(path)
        assert response.status_code == 200, response.text
        return response.text

    def upload(self, path: str, name: str, content: bytes, **form: str) -> httpx2.Response:
        """A form with a file."""
        [token, *_] = re.findall(r'name="csrf_token" value="([^"]+)"', self.get("/prompts"))
        return self.client.post(path, data={"csrf_token": token, **form}, files={"file": (name, content)})

    def take_in(self, name: str, content: bytes) -> httpx2.Response:
        """A file is looked at, then imported."""
        looked = self.upload("/data/import/preview", name, content)
        keys = re.findall(r'name="key" value="([^"]+)"', looked.text)
        return self.send("/data/import", key=keys[0]) if keys else looked

    def send(self, path: str, *, fragment: bool = False, **form: str) -> httpx2.Response:
        """`fragment`: as htmx would."""
        [token, *_] = re.findall(r'name="csrf_token" value="([^"]+)"', self.get("/prompts"))
        headers = {"hx-request": "true"} if fragment else {}
        return self.client.post(path, data={"csrf_token": token, **form}, headers=headers)


def words_of(html: str) -> str:
    """What a person reads, blanks made one."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
