"""A tokenizer as entries of a GGUF file: tokenizer.json read the other way round.

llama.cpp knows ways to cut texts by names only, so a tokenizer is written under the name whose cut it has. The cut of
the models trained here has none: it goes under the nearest one, and that is said.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gguf import GGUFWriter
from gguf.constants import TokenType

from app.errors import InvalidError
from app.lm.files.gguf.tokenizer import CUTS, pre_tokenizer_of
from app.lm.text.chat_template import find_template
from app.lm.text.imported_tokenizer import TOKENIZER_CONFIG
from app.lm.text.tokenizer import BYTE_TOKEN, Tokenizer
from app.model_info.config_fields import read_object
from app.translation import _

NEAREST = "qwen2"
"""To the cut of the models trained here: Chinese words and the mark before them are one piece there, two here."""


def add_tokenizer(writer: GGUFWriter, directory: Path, tokenizer: Tokenizer, size: int) -> None:
    """`size`: how many embeddings there are; what has no token is unused. Raises InvalidError for a tokenizer that
    these files cannot hold."""
    written: dict[str, Any] = json.loads(tokenizer.backend.to_str())
    model, added = written["model"], {token["id"]: token for token in written["added_tokens"]}
    if model["type"] != "BPE":
        raise _not_written(model["type"])
    texts = {number: text for text, number in model["vocab"].items()}
    texts |= {number: token["content"] for number, token in added.items()}
    writer.add_token_list([texts.get(number, f"[PAD{number}]") for number in range(size)])
    writer.add_token_types([_kind(number, texts, added, bytes_=model["byte_fallback"]) for number in range(size)])
    if model["byte_fallback"]:
        writer.add_tokenizer_model("llama")
        writer.add_token_scores(_scores(model, texts, size))
        writer.add_add_space_prefix(_prepends_space(written))
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(_name_of_cut(written, own=tokenizer.imported is None))
        writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    _add_special(writer, tokenizer)
    template = find_template(directory, read_object(directory / TOKENIZER_CONFIG))
    if template is not None:
        writer.add_chat_template(template)


def _add_special(writer: GGUFWriter, tokenizer: Tokenizer) -> None:
    """llama.cpp knows one end and one end of a turn; its own words for others (<|im_end|>, …) count there, too."""
    writer.add_eos_token_id(tokenizer.end_id)
    for other in sorted(tokenizer.end_ids - {tokenizer.end_id})[:1]:
        writer.add_eot_token_id(other)
    writer.add_pad_token_id(tokenizer.pad_id)
    if tokenizer.bos_id is not None:
        writer.add_bos_token_id(tokenizer.bos_id)
    begins = tokenizer.imported is None or tokenizer.imported.begins_documents
    writer.add_add_bos_token(tokenizer.bos_id is not None and begins)


def _kind(number: int, texts: Mapping[int, str], added: Mapping[int, Mapping[str, Any]], *, bytes_: bool) -> TokenType:
    if number in added:
        return TokenType.CONTROL if added[number]["special"] else TokenType.USER_DEFINED
    if number not in texts:
        return TokenType.UNUSED
    return TokenType.BYTE if bytes_ and BYTE_TOKEN.fullmatch(texts[number]) else TokenType.NORMAL


def _prepends_space(written: Mapping[str, Any]) -> bool:
    """In the normalizer, as older tokenizers do it, or by Metaspace."""
    scheme = (written["pre_tokenizer"] or {}).get("prepend_scheme", "never")
    return '"Prepend"' in json.dumps(written["normalizer"]) or scheme != "never"


def _scores(model: Mapping[str, Any], texts: Mapping[int, str], size: int) -> list[float]:
    """What is merged first has the highest score; what no merge makes is never looked for."""
    ranks: dict[str, int] = {}
    for rank, (left, right) in enumerate(model["merges"], start=1):
        ranks.setdefault(left + right, rank)
    return [-float(ranks.get(texts.get(number, ""), len(ranks) + 1)) for number in range(size)]


def _name_of_cut(written: Mapping[str, Any], *, own: bool) -> str:
    if own:
        return NEAREST
    whole_words = bool(written["model"].get("ignore_merges"))
    for name, cut in CUTS.items():
        if written["pre_tokenizer"] == pre_tokenizer_of(cut) and whole_words == cut.whole_words:
            return name
    raise _not_written("pre_tokenizer")


def _not_written(part: str) -> InvalidError:
    return InvalidError(
        _(
            "This version's tokenizer cannot be written as GGUF: llama.cpp has no name for its {part}. Download the "
            "version as a zip, in the layout of the Hugging Face Hub, instead.",
            part=part,
        )
    )
