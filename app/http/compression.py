"""Pages, scripts and style sheets go compressed (gzip) to browsers that take it: a third of the bytes.

The API's answers go as they are: its exports and imports are long, and its clients sit on the same machine. Events of
a stream leave one by one, uncompressed.
"""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.problems import API_PREFIXES

LEAST_BYTES = 1_000
LEVEL = 6


class Compression(GZipMiddleware):
    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, minimum_size=LEAST_BYTES, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(API_PREFIXES):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
