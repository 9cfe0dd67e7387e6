"""The report card of a fine-tuned model: held-out prompts, greedy and sampled answers, checked by code.

What a check means is in app.corpus.checks; here they become shares. Nothing is asked that training may see.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, field

from app.chat import Message
from app.corpus import checks, edge_checks
from app.corpus.pair import Pair
from app.corpus.pairs import instruction_pairs
from app.corpus.wording import normalized
from app.hparams import SamplingParams
from app.lm.inference.decoder import Decoder
from app.lm.inference.offline import sample_batch
from app.lm.inference.sampler import derived_seed
from app.lm.model import Llama
from app.lm.precision import matmul_dtype
from app.lm.text.tokenizer import Tokenizer
from app.training.context import Progress

PROMPTS_SEED = 90_210
PROMPTS_AT_ONCE = 16
SAMPLES = 4  # as many as a page shows
SHOWN = 40  # answers that are printed beside the figures


@dataclass(frozen=True)
class Answer:
    text: str
    ended: bool


@dataclass(frozen=True)
class Share:
    """`passed` of `asked`; None of none."""

    passed: int = 0
    asked: int = 0

    @property
    def value(self) -> float | None:
        return self.passed / self.asked if self.asked else None

    def __str__(self) -> str:
        return f"{self.passed / self.asked:.3f} ({self.passed} of {self.asked})" if self.asked else "nothing asked"


@dataclass
class ReportCard:
    """Shares at temperature 0 (`greedy`) and 1 (`sampled`), on-topic shares by topic, shares of each style."""

    prompts: int
    greedy: dict[str, Share]
    sampled: dict[str, Share]
    topics: dict[str, Share]
    followups: dict[str, Share]
    styles: dict[str, Share]
    examples: list[dict[str, object]] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        def plain(shares: dict[str, Share]) -> dict[str, object]:
            return {name: asdict(share) | {"value": share.value} for name, share in shares.items()}

        parts = {name: plain(getattr(self, name)) for name in ("greedy", "sampled", "topics", "followups")}
        manners = plain(self.styles)  # the key of the cards that lie beside trained models
        return {"prompts": self.prompts, **parts, "manners": manners, "examples": self.examples}


def held_out_prompts(count: int) -> list[Pair]:
    """Prompts whose wording or combination training never sees, in the topics' shares."""
    return list(instruction_pairs(PROMPTS_SEED, count, held_out=True))


def share_of(verdicts: Sequence[bool]) -> Share:
    return Share(sum(verdicts), len(verdicts))


def _answers(
    decoder: Decoder, tokenizer: Tokenizer, pairs: Sequence[Pair], params: SamplingParams, n: int
) -> list[list[Answer]]:
    prompts = []
    for pair in pairs:
        messages: list[Message] = [{"role": role, "content": content} for role, content in pair.messages]
        prompts.append(tokenizer.encode_conversation(messages))
    sampled = sample_batch(decoder, tokenizer.end_ids, prompts, n=n, params=params)
    return [
        [Answer(tokenizer.decode(one.token_ids), one.finish_reason == "stop") for one in group] for group in sampled
    ]


def _on_topic(pair: Pair, text: str) -> bool:
    return checks.follows_up(pair, text) if pair.followup else checks.on_topic(pair.subject, text)


Check = tuple[Callable[[Pair], bool], Callable[[Pair, str], bool]]  # which pairs it is asked of, what it asks
FIRST = ""  # a question of its own, not a follow-up
CHECKS: dict[str, Check] = {
    "on topic": (lambda _: True, _on_topic),
    "ordered steps": (
        lambda pair: pair.topic in ("howto", "lookalike") and pair.followup == FIRST,
        lambda pair, text: checks.steps_in_order(pair.subject, text),
    ),
    "correct arithmetic": (
        lambda pair: pair.topic == "arithmetic" and pair.followup == FIRST,
        lambda pair, text: checks.correct_number(pair.subject, text),
    ),
    "refusals": (lambda pair: pair.topic == "refusal", lambda pair, text: checks.refuses(text, pair.language)),
    "false refusals": (lambda pair: pair.topic != "refusal", lambda pair, text: checks.refuses(text, pair.language)),
    "false refusals of lookalikes": (
        lambda pair: pair.topic == "lookalike", lambda pair, text: checks.refuses(text, pair.language),
    ),
    "follow-up understood": (lambda pair: pair.followup != FIRST, _on_topic),
    "right language": (
        lambda pair: pair.topic not in ("translation", "rewrite"),
        lambda pair, text: checks.language_of(text) == pair.language,
    ),
    "things named twice": (
        lambda pair: pair.topic == "category" and pair.followup == FIRST,
        lambda pair, text: checks.names_twice(pair.subject, text),
    ),
    "false I have not learned": (lambda _: True, lambda pair, text: edge_checks.owns_up(text, pair.language)),
    "broken words": (
        lambda _: True,
        lambda pair, text: bool(edge_checks.broken_words(text, "\n".join(said for _, said in pair.messages))),
    ),
    "loops": (lambda _: True, lambda _, text: checks.loops(text)),
}  # fmt: skip


def _shares(pairs: Sequence[Pair], groups: Sequence[Sequence[Answer]]) -> dict[str, Share]:
    told = [(pair, answer) for pair, group in zip(pairs, groups, strict=True) for answer in group]
    shares = {
        name: share_of([passes(pair, answer.text) for pair, answer in told if asked(pair)])
        for name, (asked, passes) in CHECKS.items()
    }
    counted = [checks.facts(p.subject, a.text) for p, a in told if p.topic == "concept" and p.followup == FIRST]
    shares["true facts"] = Share(sum(true for true, _ in counted), sum(said for _, said in counted))
    shares["ends within the limit"] = share_of([answer.ended for _, answer in told])
    return shares


def _by(pairs: Sequence[Pair], groups: Sequence[Sequence[Answer]], key: Callable[[Pair], str]) -> dict[str, Share]:
    verdicts: dict[str, list[bool]] = {}
    for pair, group in zip(pairs, groups, strict=True):
        verdicts.setdefault(key(pair), []).extend(_on_topic(pair, answer.text) for answer in group)
    return {name: share_of(of_name) for name, of_name in sorted(verdicts.items())}


def _styles(pairs: Sequence[Pair], groups: Sequence[Sequence[Answer]]) -> dict[str, Share]:
    seen: dict[str, list[bool]] = {}
    for pair, group in zip(pairs, groups, strict=True):
        for answer in group:
            for name, visible in checks.visible_style(answer.text, pair.language).items():
                seen.setdefault(name, []).append(visible)
    return {name: share_of(of_name) for name, of_name in seen.items()}


def distinct_fours(groups: Sequence[Sequence[Answer]]) -> Share:
    """Prompts whose answers all differ, whatever capitals and marks."""
    return share_of([len({normalized(answer.text) for answer in group}) == len(group) for group in groups])


def write_report_card(
    model: Llama, tokenizer: Tokenizer, *, prompts: int, max_tokens: int = 96, seed: int = 0
) -> Generator[Progress, None, ReportCard]:
    """Ask every prompt once at temperature 0 and four times at temperature 1. Yields after every few prompts."""
    pairs, decoder = held_out_prompts(prompts), Decoder(model, matmul_dtype())
    greedy: list[list[Answer]] = []
    sampled: list[list[Answer]] = []
    for start in range(0, len(pairs), PROMPTS_AT_ONCE):
        part = pairs[start : start + PROMPTS_AT_ONCE]
        cold = SamplingParams(temperature=0.0, max_tokens=max_tokens)
        warm = SamplingParams(temperature=1.0, max_tokens=max_tokens, seed=derived_seed(seed, start))
        greedy += _answers(decoder, tokenizer, part, cold, 1)
        sampled += _answers(decoder, tokenizer, part, warm, SAMPLES)
        yield Progress(len(sampled), len(pairs), {})
    at_one = _shares(pairs, sampled)
    at_one["four distinct answers"] = distinct_fours(sampled)
    plain = [(pair, group) for pair, group in zip(pairs, greedy, strict=True) if pair.followup == FIRST]
    follow = [(pair, group) for pair, group in zip(pairs, greedy, strict=True) if pair.followup != FIRST]
    return ReportCard(
        prompts=len(pairs),
        greedy=_shares(pairs, greedy),
        sampled=at_one,
        topics=_by([p for p, _ in plain], [g for _, g in plain], lambda pair: pair.topic),
        followups=_by([p for p, _ in follow], [g for _, g in follow], lambda pair: pair.followup),
        styles=_styles(pairs, sampled),
        examples=[_example(*answered) for answered in zip(pairs, greedy, sampled, strict=False)][:SHOWN],
    )


def _example(pair: Pair, greedy: Sequence[Answer], sampled: Sequence[Answer]) -> dict[str, object]:
    texts = [answer.text for answer in sampled]
    return {"topic": pair.topic, "messages": [content for _, content in pair.messages], "greedy": greedy[0].text,
            "on_topic": _on_topic(pair, greedy[0].text), "sampled": texts}  # fmt: skip
