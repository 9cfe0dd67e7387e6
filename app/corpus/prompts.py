"""The shipped prompts: what people are asked to rank answers to, and what versions are evaluated on.

`load_prompts` only reads the committed prompts.jsonl and imports nothing heavy, so the web side can use it.
`written_prompts` makes the content of that file from the banks; a test holds both equal.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from app.corpus.subjects import Subject

PROMPTS_FILE = Path(__file__).with_name("prompts.jsonl")
PROMPTS_SEED = 7
# (split, language) -> how many
COUNTS = {("train", "en"): 270, ("train", "zh"): 130, ("held_out", "en"): 70, ("held_out", "zh"): 30}
REFUSAL_SHARE = 0.04


@dataclass(frozen=True)
class ShippedPrompt:
    text: str
    language: Literal["en", "zh"]
    split: Literal["train", "held_out"]
    topic: str


def load_prompts(path: Path = PROMPTS_FILE) -> list[ShippedPrompt]:
    """The committed prompts."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [ShippedPrompt(**json.loads(line)) for line in lines if line]


def _candidates(rng: Random, language: Literal["en", "zh"]) -> dict[str, list["Subject"]]:
    from app.corpus.subjects import subjects_by_topic

    return {topic: rng.sample(list(found), len(found)) for topic, found in subjects_by_topic(language).items()}


def _topic_counts(total: int, topics: list[str]) -> dict[str, int]:
    """How many prompts a topic gets; rounding goes to the first topic."""
    from app.corpus.subjects import TOPIC_SHARES

    whole = sum(TOPIC_SHARES[topic] for topic in topics)
    counts = {topic: total * TOPIC_SHARES[topic] // whole for topic in topics}
    counts["refusal"] = min(counts.get("refusal", 0), int(total * REFUSAL_SHARE))
    counts[topics[0]] += total - sum(counts.values())
    return counts


def _spread(rng: Random, subjects: list["Subject"], *, held_out: bool) -> Iterator[str]:
    """Wordings of one topic, one per subject and round, so that no subject crowds the others out."""
    pools = [subject.split(held_out=held_out) for subject in subjects]
    pools = [rng.sample(pool, len(pool)) for pool in pools if pool]
    for depth in range(max((len(pool) for pool in pools), default=0)):
        yield from (pool[depth] for pool in pools if depth < len(pool))


def written_prompts(seed: int = PROMPTS_SEED) -> list[ShippedPrompt]:
    """All prompts as the generator writes them, distinct after normalization."""
    from app.corpus.wording import normalized

    rng, seen, prompts = Random(seed), set[str](), list[ShippedPrompt]()
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


def write_prompts(path: Path = PROMPTS_FILE) -> int:
    """Write the file; returns the number of prompts."""
    prompts = written_prompts()
    lines = [json.dumps(asdict(prompt), ensure_ascii=False) for prompt in prompts]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(prompts)
