"""JSON bodies of requests, read strictly (app/formats/strict_json.py) for every route."""

from typing import Any

from fastapi import Request
from starlette.exceptions import HTTPException

from app.formats.strict_json import JsonValueError, NotJsonError, Place, parse_json


class BodyError(HTTPException):
    """A body that is no JSON (400), or holds what must not be taken: `place` says where (422)."""

    def __init__(self, status_code: int, message: str, place: Place = ()) -> None:
        super().__init__(status_code, message)
        self.place = place


class StrictRequest(Request):
    async def json(self) -> Any:
        try:
            return parse_json(await self.body())
        except NotJsonError as error:
            raise BodyError(400, str(error)) from error
        except JsonValueError as error:
            raise BodyError(422, error.message, error.place) from error
