"""Write the whole corpus to a directory and report what it holds.

python -m app.corpus.writing corpus --documents 1000 --pairs 1000
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.corpus.articles import pretraining_documents
from app.corpus.pair import Pair
from app.corpus.pairs import instruction_pairs
from app.corpus.wording import size


@dataclass(frozen=True)
class CorpusReport:
    """Shares are between 0 and 1; sizes are words (English) and characters (Chinese)."""

    documents: int
    pairs: int
    distinct_answers: float
    conversations: float
    topics: dict[str, float]
    styles: dict[str, float]
    mean_words_en: float
    mean_characters_zh: float


def _share(pairs: Sequence[Pair], trait: str) -> float:
    return sum(bool(getattr(pair.style, trait)) for pair in pairs) / max(1, len(pairs))


def _mean_size(pairs: Sequence[Pair], language: str) -> float:
    sizes = [size(pair.answer, pair.language) for pair in pairs if pair.language == language]
    return sum(sizes) / max(1, len(sizes))


def report(pairs: Sequence[Pair], documents: int = 0) -> CorpusReport:
    """Measured shares of pairs."""
    total = max(1, len(pairs))
    topics = Counter(pair.topic for pair in pairs)
    lengths = Counter(pair.style.length for pair in pairs)
    traits = ("warm", "listed", "flattering", "example", "formal", "funny")
    return CorpusReport(
        documents=documents,
        pairs=len(pairs),
        distinct_answers=len({pair.answer for pair in pairs}) / total,
        conversations=sum(len(pair.messages) > 1 for pair in pairs) / total,
        topics={topic: count / total for topic, count in topics.most_common()},
        styles={trait: _share(pairs, trait) for trait in traits}
        | {str(name): count / total for name, count in lengths.items()},
        mean_words_en=_mean_size(pairs, "en"),
        mean_characters_zh=_mean_size(pairs, "zh"),
    )


def _line(pair: Pair) -> dict[str, Any]:
    messages = [{"role": role, "content": content} for role, content in pair.messages]
    where = {"language": pair.language, "topic": pair.topic, "slot": pair.slot, "followup": pair.followup}
    return {"messages": messages, "answer": pair.answer, **where, "manner": asdict(pair.style)}  # the files' old name


def write_corpus(directory: Path, seed: int, documents: int, pairs: int) -> CorpusReport:
    """documents.jsonl ({"text"}) and pairs.jsonl (messages, answer, subject and style), one object per line."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "documents.jsonl").open("w", encoding="utf-8") as file:
        for text in pretraining_documents(seed, documents):
            file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    drawn = list(instruction_pairs(seed, pairs))
    with (directory / "pairs.jsonl").open("w", encoding="utf-8") as file:
        for pair in drawn:
            file.write(json.dumps(_line(pair), ensure_ascii=False) + "\n")
    return report(drawn, documents)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--documents", type=int, default=1_000)
    parser.add_argument("--pairs", type=int, default=1_000)
    given = parser.parse_args()
    written = write_corpus(given.directory, given.seed, given.documents, given.pairs)
    print(json.dumps(asdict(written), ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
