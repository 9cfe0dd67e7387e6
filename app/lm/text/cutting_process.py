"""Cuts texts with a tokenizer that came with somebody's model, in a process of its own (sandboxed.py): its regular
expressions run in Oniguruma, which may go back and try again for hours and holds Python's lock meanwhile.

Opened with {"tokenizer"} (the text of tokenizer.json); each request is {"text", "plain"} (plain: no added token is
looked for), done is the number of tokens.
"""

import json
from collections.abc import Callable
from typing import Any

import tokenizers

OPENING_SECONDS = 30.0  # large vocabularies take one or two
CPU_SECONDS = 0.5  # of one text; real tokenizers take a few milliseconds
MEMORY_BYTES = 1 << 31
MOST_GROWTH = 20  # NFKC writes 18 characters for the longest ligature


def opened(begin: dict[str, Any]) -> Callable[[dict[str, Any]], int]:
    whole = json.loads(begin["tokenizer"]) | {"padding": None, "truncation": None}
    recognizing = read(whole)
    plain: list[tokenizers.Tokenizer] = []  # read when first asked for

    def count(request: dict[str, Any]) -> int:
        if request["plain"] and not plain:
            plain.append(read(whole | {"added_tokens": []}))
        return tokens(plain[0] if request["plain"] else recognizing, request["text"])

    return count


def read(content: dict[str, Any]) -> tokenizers.Tokenizer:
    return tokenizers.Tokenizer.from_str(json.dumps(content))


def tokens(backend: tokenizers.Tokenizer, text: str) -> int:
    if backend.normalizer is not None and len(backend.normalizer.normalize_str(text)) > MOST_GROWTH * (len(text) + 100):
        raise ValueError(f"its normalizer writes more than {MOST_GROWTH} times the text")
    ids = backend.encode(text, add_special_tokens=False).ids
    if backend.decoder is not None:
        backend.decode(ids)
    return len(ids)
