"""From the corpus (app.corpus) to token arrays for the trainers. Knows no files.

Everything is a function of a seed: the same seed and banks give the same arrays, and `data_hash` says so in the
record of a training.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

from torch import Tensor

from app.chat import Message
from app.corpus.articles import pretraining_documents
from app.corpus.cleaning.clean import Report, clean
from app.corpus.pair import Pair
from app.corpus.pairs import distinct_pairs, instruction_pairs
from app.corpus.planted_faults import with_planted_faults
from app.lm.text.tokenizer import Tokenizer, train_tokenizer
from app.saving import TrainingError
from app.training.pretrain import pack_rows
from app.training.seeds import STRIDE
from app.training.sft import Example

CHUNK = 2_000
TOKENIZER_DOCUMENTS = 12_000
# Pretraining reads conversations too: the chat format is then nothing new to fine-tuning.
PAIRS_PER_DOCUMENT = 0.5
HELD_OUT_SEED = STRIDE
OWN_HELD_OUT = 50
ENDLESS = 1 << 62


@dataclass(frozen=True)
class BaseData:
    """Rows [R,T+1] for pretraining, and others of another seed."""

    rows: Tensor
    held_out_rows: Tensor
    data_hash: str


@dataclass(frozen=True)
class SFTData:
    examples: list[Example]
    held_out: list[Example]
    data_hash: str


def corpus_documents(seed: int, report: Report | None = None) -> Iterator[str]:
    """The generated texts as training reads them: with faults planted, then cleaned and de-duplicated. Endless."""
    faulty = with_planted_faults(pretraining_documents(seed, ENDLESS), seed)
    return clean((document.text for document in faulty), report or Report())


def file_documents(path: Path, held_out: bool = False) -> Iterator[str]:
    """A user's own texts, as `fourfold clean` wrote them; every 50th is held out from training."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file):
                if (number % OWN_HELD_OUT == OWN_HELD_OUT - 1) is held_out:
                    yield json.loads(line)["text"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{path} cannot be read ({error}). Make it with: fourfold clean FOLDER --out {path}"
        ) from error


def tokenizer_texts(seed: int, texts: Path | None = None) -> Iterator[str]:
    """What the merges are learned from: documents, prompts and answers."""
    yield from islice(file_documents(texts) if texts else pretraining_documents(seed, ENDLESS), TOKENIZER_DOCUMENTS)
    for pair in instruction_pairs(seed, TOKENIZER_DOCUMENTS):
        for _, content in pair.messages:
            yield content
        yield pair.answer


def corpus_tokenizer(seed: int, vocab_size: int, texts: Path | None = None) -> Tokenizer:
    return train_tokenizer(tokenizer_texts(seed, texts), vocab_size)


def _messages(pair: Pair) -> list[Message]:
    return [{"role": role, "content": content} for role, content in pair.messages]


def _examples(tokenizer: Tokenizer, pairs: Iterable[Pair]) -> Iterator[Example]:
    for pair in pairs:
        yield Example(tokenizer.encode_conversation(_messages(pair)), tokenizer.encode(pair.answer))


def _documents(tokenizer: Tokenizer, writings: Iterator[str], seed: int, tokens: int) -> Iterator[list[int]]:
    """Documents and conversations in turn until there are `tokens` of them, or no more documents."""
    pairs = instruction_pairs(seed, ENDLESS)
    seen = 0
    while seen < tokens and (texts := list(islice(writings, CHUNK))):
        begin = [] if tokenizer.bos_id is None else [tokenizer.bos_id]
        documents = [[*begin, *ids, tokenizer.end_id] for ids in tokenizer.encode_all(texts)]
        for example in _examples(tokenizer, islice(pairs, int(len(texts) * PAIRS_PER_DOCUMENT))):
            documents.append([*example.prompt, *example.answer, tokenizer.end_id])
        Random(seed + seen).shuffle(documents)
        for ids in documents:
            if seen >= tokens:
                return
            yield ids
            seen += len(ids)


def base_data(
    tokenizer: Tokenizer,
    *,
    seed: int,
    tokens: int,
    context_tokens: int,
    texts: Path | None = None,
    report: Report | None = None,
) -> BaseData:
    """Rows for about `tokens` tokens, and 2% of that (at most 100,000) held out.

    From the generated corpus each is seen once; a user's own `texts` are repeated as often as it takes."""
    writings = file_documents(texts) if texts else corpus_documents(seed, report)
    rows = pack_rows(_documents(tokenizer, writings, seed, tokens), context_tokens)
    held_out_tokens = min(100_000, max(tokens // 50, 2 * context_tokens + 2))
    others = file_documents(texts, held_out=True) if texts else pretraining_documents(HELD_OUT_SEED, ENDLESS)
    held_out = pack_rows(_documents(tokenizer, others, HELD_OUT_SEED, held_out_tokens), context_tokens)
    return BaseData(rows, held_out, hashlib.sha256(rows.numpy().tobytes()).hexdigest())


def sft_data(tokenizer: Tokenizer, *, seed: int, pairs: int, held_out: int = 384) -> SFTData:
    """`pairs` of which no two are alike, and held-out questions with answers, the same for every seed: then held-out
    losses of several runs compare."""
    examples = list(_examples(tokenizer, distinct_pairs(seed, pairs, answers=True, edges=True)))
    other = list(_examples(tokenizer, distinct_pairs(HELD_OUT_SEED, held_out, held_out=True)))
    return SFTData(examples, other, _hash(examples))


def _hash(examples: Sequence[Example]) -> str:
    digest = hashlib.sha256()
    for example in examples:
        digest.update(f"{example.prompt} {example.answer}\n".encode())
    return digest.hexdigest()
