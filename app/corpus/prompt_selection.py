"""Chooses the shipped prompts from all that can be asked; a test holds them equal to the committed prompts.jsonl.

`python -m app.corpus.prompt_selection` writes that file.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Literal

from app.corpus.prompts import ShippedPrompt, load_prompts
from app.corpus.subject import Subject
from app.corpus.subjects import subjects_by_topic
from app.corpus.topics import TOPIC_SHARES
from app.corpus.wording import normalized
from app.layout import EVERYDAY_PROMPTS, PROMPTS

PROMPTS_SEED = 7
# (split, language) -> how many
COUNTS = {("train", "en"): 270, ("train", "zh"): 130, ("held_out", "en"): 70, ("held_out", "zh"): 30}
REFUSAL_SHARE = 0.04


def _candidates(rng: Random, language: Literal["en", "zh"]) -> dict[str, list[Subject]]:
    return {topic: rng.sample(list(known), len(known)) for topic, known in subjects_by_topic(language).items()}


def _topic_counts(total: int, topics: list[str]) -> dict[str, int]:
    """How many prompts a topic gets; rounding goes to the first topic."""
    whole = sum(TOPIC_SHARES[topic] for topic in topics)
    counts = {topic: total * TOPIC_SHARES[topic] // whole for topic in topics}
    counts["refusal"] = min(counts.get("refusal", 0), int(total * REFUSAL_SHARE))
    counts[topics[0]] += total - sum(counts.values())
    return counts


def _spread(rng: Random, subjects: list[Subject], *, held_out: bool) -> Iterator[str]:
    """Wordings of one topic, one per subject and round, so that no subject crowds the others out."""
    pools = [subject.split(held_out=held_out) for subject in subjects]
    pools = [rng.sample(pool, len(pool)) for pool in pools if pool]
    for depth in range(max((len(pool) for pool in pools), default=0)):
        yield from (pool[depth] for pool in pools if depth < len(pool))


def written_prompts(seed: int = PROMPTS_SEED) -> list[ShippedPrompt]:
    """All prompts as the generator writes them, distinct after normalization, none an everyday prompt over again."""
    rng, prompts = Random(seed), list[ShippedPrompt]()
    seen = {normalized(prompt.text) for prompt in load_prompts(EVERYDAY_PROMPTS)}
    for (split, language), total in COUNTS.items():
        topics = _candidates(rng, language)  # type: ignore[arg-type]
        if not topics:
            continue
        missing = 0
        for topic, count in reversed(_topic_counts(total, list(topics)).items()):
            wanted = count + (missing if topic == next(iter(topics)) else 0)
            for text in _spread(rng, topics[topic], held_out=split == "held_out"):
                if wanted and normalized(text) not in seen:
                    seen.add(normalized(text))
                    prompts.append(ShippedPrompt(text, language, split, topic))  # type: ignore[arg-type]
                    wanted -= 1
            missing += wanted
    rng.shuffle(prompts)
    return prompts


def write_prompts(path: Path = PROMPTS) -> int:
    """Write the file; returns the number of prompts."""
    prompts = written_prompts()
    lines = [json.dumps(asdict(prompt), ensure_ascii=False) for prompt in prompts]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(prompts)


if __name__ == "__main__":
    print(f"{write_prompts()} prompts written to {PROMPTS}.")
