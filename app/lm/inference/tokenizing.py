"""A text as a version reads it: its tokens with their bytes, and the merges that made them."""

from collections.abc import Sequence
from functools import lru_cache

from app.chat import Cut, MergeTree, Message, Tokenized
from app.lm.inference.token_bytes import byte_of_character, token_bytes
from app.lm.text.merges import Merges
from app.lm.text.tokenizer import WORD_START, Tokenizer

KEPT = 2  # tables of merges: that of a vocabulary of 128,000 takes some 50 MB


def tokenized(tokenizer: Tokenizer, text: str, *, chat: bool = False, merges: bool = False) -> Tokenized:
    """`chat`: as a question in the chat format, ready for an answer, else the text alone. Nothing in the text becomes a
    special token in either. Raises InvalidError for a text that cannot be cut within bounds (app/lm/text/cutting.py).
    """
    question: Message = {"role": "user", "content": text}
    ids = tokenizer.encode_conversation([question]) if chat else tokenizer.encode(text)
    tokens = cuts_of(tokenizer, ids)
    joined, typed = b"".join(bytes(each.bytes) for each in tokens), text.encode("utf-8", "replace")
    exact = typed in joined if chat else typed == joined
    return Tokenized(tokens, algorithm(tokenizer), exact, _trees(tokenizer, ids) if merges else {})


def cuts_of(tokenizer: Tokenizer, ids: Sequence[int]) -> list[Cut]:
    """Each token with what it writes."""
    return [
        Cut(token, piece, tuple(token_bytes(tokenizer, token)), token in tokenizer.special_texts)
        for token, piece in zip(ids, tokenizer.pieces(ids), strict=True)
    ]


def algorithm(tokenizer: Tokenizer) -> str:
    """In the field's words: byte-level BPE, BPE, Unigram, WordPiece, WordLevel."""
    name = type(tokenizer.backend.model).__name__
    return f"byte-level {name}" if tokenizer.byte_level and name == "BPE" else name


def _trees(tokenizer: Tokenizer, ids: Sequence[int]) -> dict[int, MergeTree]:
    known, trees = _merges(tokenizer), {}
    for token in dict.fromkeys(ids):
        written = None if token in tokenizer.special_texts else tokenizer.backend.id_to_token(token)
        tree = None if written is None else known.tree(written)
        if tree is not None:
            trees[token] = tree
    return trees


@lru_cache(maxsize=KEPT)
def _merges(tokenizer: Tokenizer) -> Merges:
    if not tokenizer.byte_level:
        return Merges(tokenizer.backend, lambda symbol: symbol.replace(WORD_START, " ").encode())
    table = byte_of_character()
    return Merges(tokenizer.backend, lambda symbol: bytes([table[symbol]]) if symbol in table else symbol.encode())
