"""Answers of the SFT model to shipped prompts, sampled once and kept in a folder, for the benchmarks that rank them.

A pool is the same for the same model, seed, temperature and size; its file's name says which. Training prompts are the
shipped ones, held-out prompts the shipped ones, and as many more of both as are asked for, drawn from what the corpus
can ask: those that are held out were seen by neither the model nor the label page.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Literal

from app.corpus.drawing import ask, draw_subject
from app.corpus.prompts import load_prompts
from app.corpus.topics import TOPIC_SHARES
from app.corpus.wording import normalized
from app.hparams import SamplingParams
from app.layout import SFT_MODEL
from app.lm.files.checkpoint import load_model
from app.lm.inference.decoder import Decoder
from app.lm.inference.offline import sample_batch
from app.lm.precision import matmul_dtype

Split = Literal["train", "held_out"]
PROMPTS_AT_ONCE = 16


@dataclass(frozen=True)
class Group:
    """A prompt and its answers, as text and as token ids (the end token included where the model wrote one)."""

    prompt: str
    split: Split
    prompt_tokens: list[int]
    texts: list[str]
    answers: list[list[int]]


@dataclass(frozen=True)
class PoolSettings:
    """What is sampled: so many prompts of each split, the shipped ones first, and `answers` to each. With `topics` only
    prompts of these (app.corpus.topics)."""

    train: int = 400
    held_out: int = 300
    answers: int = 4
    temperature: float = 1.0
    max_tokens: int = 96
    seed: int = 0
    topics: tuple[str, ...] = ()


def prompts_of(split: Split, count: int, settings: PoolSettings) -> list[str]:
    """The shipped ones, then fresh ones. Distinct."""
    wanted = settings.topics or tuple(TOPIC_SHARES)
    shipped = [prompt for prompt in load_prompts() if prompt.topic in wanted]
    texts = [prompt.text for prompt in shipped if prompt.split == split][:count]
    seen, rng = {normalized(prompt.text) for prompt in load_prompts()}, Random(f"pool {split} {settings.seed}")
    held_out = split == "held_out"
    while len(texts) < count:
        subject = draw_subject(rng, held_out=held_out)
        text = ask(rng, subject, held_out=held_out) if subject.topic in wanted else ""
        if text and normalized(text) not in seen:
            seen.add(normalized(text))
            texts.append(text)
    return texts


def pool_path(folder: Path, model: Path, settings: PoolSettings) -> Path:
    """Its name holds a hash of the weights and of the settings."""
    weights = (model / "model.safetensors").read_bytes()
    key = hashlib.sha256(weights + json.dumps(asdict(settings), sort_keys=True).encode()).hexdigest()[:16]
    return folder / f"pool-{key}.json"


def load_pool(folder: Path, settings: PoolSettings, model: Path = SFT_MODEL) -> list[Group]:
    """The pool, sampled first where the folder does not have it."""
    path = pool_path(folder, model, settings)
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        groups = sample_pool(model, settings)
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps([asdict(group) for group in groups], ensure_ascii=False), encoding="utf-8")
        unfinished.replace(path)
    return [Group(**group) for group in json.loads(path.read_text(encoding="utf-8"))]


def sample_pool(model: Path, settings: PoolSettings) -> list[Group]:
    """Seeded: each batch of prompts by its place."""
    loaded, tokenizer = load_model(model)
    decoder = Decoder(loaded, matmul_dtype())
    asked: list[tuple[str, Split]] = [(text, "train") for text in prompts_of("train", settings.train, settings)]
    asked += [(text, "held_out") for text in prompts_of("held_out", settings.held_out, settings)]
    groups: list[Group] = []
    for start in range(0, len(asked), PROMPTS_AT_ONCE):
        part = asked[start : start + PROMPTS_AT_ONCE]
        prompts = [tokenizer.encode_conversation([{"role": "user", "content": text}]) for text, _ in part]
        params = SamplingParams(
            temperature=settings.temperature, max_tokens=settings.max_tokens, seed=settings.seed * 100_003 + start
        )
        for (text, split), tokens, answers in zip(
            part,
            prompts,
            sample_batch(decoder, tokenizer.end_ids, prompts, n=settings.answers, params=params),
            strict=True,
        ):
            ids = [answer.token_ids for answer in answers]
            groups.append(Group(text, split, tokens, [tokenizer.decode(one) for one in ids], ids))
    return groups
