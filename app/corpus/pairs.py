"""Instruction-answer pairs for supervised fine-tuning, drawn from the banks at random.

Departs from collected instruction sets in that every sentence is written for this project and the style of an
answer (see style.py) is drawn without regard to the prompt. Held-out prompts never occur.
"""

from collections.abc import Iterator
from random import Random

from app.corpus.banks import Language
from app.corpus.conversations import conversation
from app.corpus.drawing import ask, draw_subject, in_context
from app.corpus.dressing import answer_to
from app.corpus.edge_leaks import leaks
from app.corpus.pair import Pair
from app.corpus.style import draw_style
from app.corpus.typed import typed
from app.corpus.wording import normalized, without_article

CHINESE_SHARE = 1 / 3
CONVERSATION_SHARE = 0.27  # of the drawn pairs that can go on
LONGEST: dict[Language, int] = {"en": 75, "zh": 120}

# Of training: what is known is asked with a word before or after it, and in haste, as often as what is not.
CONTEXT_SHARE = 0.15
TYPED_SHARE = 0.3
ASKED_IN_CONTEXT = frozenset(
    ("concept", "howto", "lookalike", "definition", "refusal", "familiar", "unknown", "improper", "harmless")
)
TYPED = ASKED_IN_CONTEXT | {"category", "chat"}
MOST_IDLE = 1_000  # draws in a row that bring nothing new


def draw_pair(rng: Random, *, held_out: bool = False, edges: bool = False) -> Pair:
    """One pair, or a conversation that ends with an answer. Training and held-out prompts never meet. With `edges` some
    are about the edges of the corpus (edges.py)."""
    subject = draw_subject(rng, held_out=held_out, edges=edges)
    prompt, style = ask(rng, subject, held_out=held_out, frames=edges), draw_style(rng)
    if edges and subject.topic in ASKED_IN_CONTEXT and rng.random() < CONTEXT_SHARE:
        prompt = in_context(rng, prompt, subject.language)
    if edges and subject.topic in TYPED and rng.random() < TYPED_SHARE and not leaks(prompt):
        kept = without_article(subject.evidence[0]) if subject.topic == "unknown" else ""
        prompt = typed(rng, prompt, subject.language, kept)
    if (subject.followups or subject.replies) and rng.random() < CONVERSATION_SHARE:
        return conversation(rng, subject, prompt, style, held_out=held_out, edges=edges)
    text, shown = answer_to(rng, subject, style)
    return Pair((("user", prompt),), text, subject.language, subject, "", shown)


def instruction_pairs(seed: int, count: int, *, held_out: bool = False) -> Iterator[Pair]:
    """`count` pairs, the same for the same seed and banks."""
    rng = Random(seed)
    for _ in range(count):
        yield draw_pair(rng, held_out=held_out)


def _asked(pair: Pair) -> str:
    """The questions of a pair and what they were about, apart from case and punctuation."""
    return "\n".join(normalized(content) for _, content in pair.messages)


def distinct_pairs(
    seed: int, count: int, *, held_out: bool = False, answers: bool = False, edges: bool = False
) -> Iterator[Pair]:
    """`count` pairs of which no two ask the same, apart from case and punctuation, in the same conversation. With
    `answers` a question may come again with another answer, so that topics with few questions keep their share.

    Raises ValueError where the banks hold fewer than that."""
    seen: set[str] = set()
    rng, idle = Random(seed), 0
    while len(seen) < count:
        pair = draw_pair(rng, held_out=held_out, edges=edges)
        if edges and any(leaks(content) for role, content in pair.messages if role == "user"):
            continue
        key = f"{_asked(pair)}\n{pair.answer}" if answers else _asked(pair)
        idle = 0 if key not in seen else idle + 1
        if idle > MOST_IDLE:
            raise ValueError(f"The banks hold no {count:,} different questions: {len(seen):,} were found.")
        if idle == 0:
            seen.add(key)
            yield pair
