"""Files of prompts to import, and what the database holds of them."""

import json
from io import BytesIO
from typing import IO, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.prompts import Prompt
from app.services.prompts import curation


def file_of(texts: list[str], **more: Any) -> IO[bytes]:
    return BytesIO("".join(json.dumps({"text": text, **more}) + "\n" for text in texts).encode())


def count(read: sessionmaker[Session], table: type[Any] = Prompt) -> int:
    with read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def listed(read: sessionmaker[Session]) -> list[str]:
    with read() as session:
        return [prompt.text for prompt in curation.list_prompts(session).items]
