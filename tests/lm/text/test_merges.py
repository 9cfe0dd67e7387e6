"""Replayed merges make the token, whatever stands around it; other tokenizers have none."""

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers

from app.chat import MergeTree
from app.lm.inference.token_bytes import byte_of_character
from app.lm.text.merges import MOST_SYMBOLS, Merges
from app.lm.text.tokenizer import Tokenizer
from tests.lm.files.imported_models import sentencepiece_like


def of_bytes(backend: tokenizers.Tokenizer) -> Merges:
    return Merges(backend, lambda symbol: bytes([byte_of_character()[symbol]]))


def leaves(tree: MergeTree) -> list[MergeTree]:
    return [leaf for part in tree.parts for leaf in leaves(part)] if tree.parts else [tree]


def check(tree: MergeTree) -> None:
    """Two parts make a token, one byte stands at each end, and nothing is merged before its parts were."""
    assert bytes(byte for leaf in leaves(tree) for byte in leaf.bytes) == bytes(tree.bytes)
    assert tree.text == bytes(tree.bytes).decode("utf-8", "replace")
    if not tree.parts:
        assert len(tree.bytes) == 1
        assert tree.rank is None
        return
    assert len(tree.parts) == 2
    assert tree.rank is not None
    for part in tree.parts:
        assert part.rank is None or part.rank < tree.rank
        check(part)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=30))
def test_merges_replayed_give_the_tokens(tokenizer: Tokenizer, text: str) -> None:
    merges = of_bytes(tokenizer.backend)
    for token in tokenizer.encode(text):
        written = tokenizer.backend.id_to_token(token) or ""
        tree = merges.tree(written)
        assert tree is not None
        assert bytes(tree.bytes) == bytes(byte_of_character()[symbol] for symbol in written)
        check(tree)


def test_the_earliest_merge_comes_first_and_of_two_equal_ones_the_left() -> None:
    vocab = {"a": 0, "b": 1, "c": 2, "ab": 3, "bc": 4, "abc": 5, "aa": 6, "aaa": 7}
    backend = tokenizers.Tokenizer(models.BPE(vocab, [("b", "c"), ("a", "b"), ("a", "bc"), ("a", "a"), ("aa", "a")]))
    merges = Merges(backend, str.encode)
    tree = merges.tree("abc")
    assert tree is not None
    assert [(part.text, part.rank) for part in (tree, *tree.parts)] == [("abc", 2), ("a", None), ("bc", 0)]
    left = merges.tree("aaa")
    assert left is not None
    assert [part.text for part in left.parts] == ["aa", "a"]


def test_what_merges_do_not_make_has_no_tree(tokenizer: Tokenizer) -> None:
    merges = of_bytes(tokenizer.backend)
    assert merges.tree("") is None
    assert merges.tree("qx") is None, "no merges lead there"
    letters = "".join(map(chr, range(0x100, 0x101 + MOST_SYMBOLS)))
    longer = [letters[: length + 1] for length in range(len(letters))]
    vocabulary = {each: at for at, each in enumerate(dict.fromkeys([*letters, *longer]))}
    chain = models.BPE(vocabulary, list(zip(longer, letters[1:], strict=False)))
    merges = Merges(tokenizers.Tokenizer(chain), str.encode)
    assert merges.tree(longer[-2]) is not None
    assert merges.tree(longer[-1]) is None, "it would be as deep as it is long"


@pytest.mark.parametrize(
    "model",
    [
        models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"),
        models.Unigram([("<unk>", 0.0), ("a", -1.0)], unk_id=0),
        models.WordLevel({"?": 0}, unk_token="?"),
        models.BPE({"a": 0, "b</w>": 1, "ab</w>": 2}, [("a", "b</w>")], end_of_word_suffix="</w>"),
    ],
    ids=["WordPiece", "Unigram", "WordLevel", "marked BPE"],
)
def test_other_tokenizers_have_none(model: models.Model) -> None:
    merges = Merges(tokenizers.Tokenizer(model), str.encode)
    assert not merges.is_known
    assert merges.tree("a") is None


def test_over_characters_their_bytes_are_utf8() -> None:
    backend = sentencepiece_like(["<unk>"], legacy=False)
    tree = Merges(backend, lambda symbol: symbol.replace("▁", " ").encode()).tree("▁the")
    assert tree is not None
    assert tree.text == " the"
    assert bytes(tree.bytes) == b" the"
    assert {len(leaf.bytes) for leaf in leaves(tree)} == {1}


def test_merges_as_older_files_write_them() -> None:
    made = tokenizers.Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    older = tokenizers.Tokenizer.from_str(made.to_str().replace('["a","b"]', '"a b"'))
    tree = Merges(older, str.encode).tree("ab")
    assert tree is not None
    assert tree.rank == 0
