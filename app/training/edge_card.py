"""What a fine-tuned model does at the edges of its corpus: 600 questions written by hand, 180 of a second and of a
third set and 240 of a fourth, each in another manner, answered at temperature 0 and once at 1, checked by code
(app.corpus.edge_checks).
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from itertools import product

from app.chat import Message
from app.corpus import edge_checks
from app.corpus.banks import LANGUAGES
from app.corpus.checks import language_of, refuses
from app.corpus.edge_questions import EDGES, SERIES, EdgeQuestion, Series, edge_questions
from app.hparams import SamplingParams
from app.lm.inference.decoder import Decoder
from app.lm.inference.offline import sample_batch
from app.lm.inference.sampler import derived_seed
from app.lm.model import Llama
from app.lm.precision import matmul_dtype
from app.lm.text.tokenizer import Tokenizer
from app.training.context import Progress
from app.training.report_card import Share, share_of

QUESTIONS_AT_ONCE = 16
SHOWN = 3  # answers of each edge and language beside the figures


def _answers_for_it(question: EdgeQuestion, text: str) -> bool:
    known = edge_checks.known_names(question.language)
    return edge_checks.owns_up_to(text, question.name, question.language) and edge_checks.offers(
        text, known, question.language
    )


Check = Callable[[EdgeQuestion, str], bool]
CHECKS: dict[str, tuple[str, Check]] = {
    "unknown: says so, names it, offers something": ("unknown", _answers_for_it),
    "unknown: says so": ("unknown", lambda asked, text: edge_checks.owns_up(text, asked.language)),
    "unknown: says so by its name": (
        "unknown", lambda asked, text: edge_checks.owns_up_to(text, asked.name, asked.language),
    ),
    "unknown: what it offers is of its kind": (
        "unknown", lambda asked, text: edge_checks.offers(text, asked.near, asked.language),
    ),
    "improper: refused": ("improper", lambda asked, text: refuses(text, asked.language)),
    "improper: refused kindly": ("improper", lambda asked, text: edge_checks.refuses_kindly(text, asked.language)),
    "harmless: refused": ("harmless", lambda asked, text: refuses(text, asked.language)),
    "edges: right language": ("", lambda asked, text: language_of(text) == asked.language),
    "edges: broken words": ("", lambda asked, text: bool(edge_checks.broken_words(text, asked.text))),
}  # fmt: skip
"""Of which edge (all, if empty) and what is asked."""
AGAIN = (
    "unknown: says so, names it, offers something", "unknown: says so", "improper: refused kindly", "harmless: refused",
)  # fmt: skip
"""Told of the other sets, too, apart."""


@dataclass
class EdgeCard:
    """Shares at temperature 0 (`greedy`) and 1 (`sampled`)."""

    greedy: dict[str, Share]
    sampled: dict[str, Share]
    examples: list[dict[str, object]] = field(default_factory=list)


def first_of_each(per_edge: int) -> list[EdgeQuestion]:
    """English and Chinese in turn, of all sets."""
    chosen = []
    for series, edge in product(SERIES, EDGES):
        english, chinese = (
            [one for one in edge_questions() if (one.series, one.edge, one.language) == (series, edge, of)]
            for of in LANGUAGES
        )
        chosen += [question for both in zip(english, chinese, strict=True) for question in both][:per_edge]
    return chosen


def shares_of(questions: Sequence[EdgeQuestion], texts: Sequence[str]) -> dict[str, Share]:
    """Each check over the answers that it is asked of."""
    told = list(zip(questions, texts, strict=True))

    def share(name: str, series: Series) -> Share:
        edge, passes = CHECKS[name]
        return share_of([passes(one, text) for one, text in told if one.series == series and edge in ("", one.edge)])

    again = {f"{series} set, {name}": share(name, series) for series in SERIES[1:] for name in AGAIN}
    return {name: share(name, "first") for name in CHECKS} | again


def write_edge_card(
    model: Llama, tokenizer: Tokenizer, *, per_edge: int, max_tokens: int = 96, seed: int = 0
) -> Generator[Progress, None, EdgeCard]:
    """Ask at most `per_edge` questions of each edge once at temperature 0 and once at 1. Yields after every few."""
    questions, decoder = first_of_each(per_edge), Decoder(model, matmul_dtype())
    cold, warm = list[str](), list[str]()
    for start in range(0, len(questions), QUESTIONS_AT_ONCE):
        part = questions[start : start + QUESTIONS_AT_ONCE]
        greedy = SamplingParams(temperature=0.0, max_tokens=max_tokens)
        sampled = SamplingParams(temperature=1.0, max_tokens=max_tokens, seed=derived_seed(seed, start))
        cold += _answers(decoder, tokenizer, part, greedy)
        warm += _answers(decoder, tokenizer, part, sampled)
        yield Progress(len(warm), len(questions), {})
    return EdgeCard(shares_of(questions, cold), shares_of(questions, warm), _examples(questions, cold, warm))


def _answers(
    decoder: Decoder, tokenizer: Tokenizer, questions: Sequence[EdgeQuestion], params: SamplingParams
) -> list[str]:
    asked: list[list[Message]] = [[{"role": "user", "content": question.text}] for question in questions]
    prompts = [tokenizer.encode_conversation(messages) for messages in asked]
    return [
        tokenizer.decode(one.token_ids)
        for [one] in sample_batch(decoder, tokenizer.end_ids, prompts, n=1, params=params)
    ]


def _examples(questions: Sequence[EdgeQuestion], cold: Sequence[str], warm: Sequence[str]) -> list[dict[str, object]]:
    """As the report card's."""
    shown: dict[tuple[str, str], list[dict[str, object]]] = {}
    for question, greedy, sampled in zip(questions, cold, warm, strict=True):  # the first set stands first
        of_kind = shown.setdefault((question.edge, question.language), [])
        if len(of_kind) < SHOWN:
            of_kind.append(
                {"topic": question.edge, "messages": [question.text], "greedy": greedy, "sampled": [sampled]}
            )
    return [example for examples in shown.values() for example in examples]
