"""A reward model as a function of text, handed to the engine, since app.lm may not know reward models."""

import json
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from app.chat import Candidate, Message, Scored
from app.errors import InvalidError
from app.lm.files.checkpoint import read_tokenizer
from app.lm.text.end_tokens import EndTokens
from app.lm.text.tokenizer import Tokenizer
from app.training.reward.choice import USUAL, Chooser
from app.training.reward.network import load_reward_model
from app.training.reward.pair_loss import Davidson
from app.training.reward.preference_scorer import PreferenceScorer
from app.training.reward.scorer_files import has_scorers, load_scorers
from app.training.reward.scoring import Answered, AnswerScorer
from app.translation import _

REMEMBERED = 96  # groups


class TextScorer:
    """A reward model of today: it also foresees what rankings would teach it."""

    def __init__(self, model: PreferenceScorer, tokenizer: Tokenizer) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._known: OrderedDict[str, Tensor] = OrderedDict()  # columns [K,D] of groups, those asked for last
        self._usual: deque[Tensor] = deque(maxlen=USUAL)

    def __call__(self, messages: Sequence[Message], answers: Sequence[str]) -> list[Scored]:
        scores, deviations = self._model.score(self._parted(messages, answers), self._tokenizer.ends)
        return [Scored(*each) for each in zip(scores.tolist(), deviations.tolist(), strict=True)]

    def read(self, group: Candidate) -> None:
        self._columns(group)

    def gains(self, groups: Sequence[Candidate], taken: Sequence[Candidate], tie_share: float) -> list[float]:
        """What is asked about comes as it comes, so that the last USUAL groups are what is usual."""
        made = [self._columns(group) for group in groups]
        self._usual.extend(made)
        head, strength = self._model.head, Davidson.of_tie_share(tie_share).tie_strength
        chooser = Chooser(head.mean, head.factor, strength, list(self._usual))
        for group in taken:
            chooser.take(self._columns(group))
        return chooser.gains(made)

    def _columns(self, group: Candidate) -> Tensor:
        key = json.dumps([list(group.messages), list(group.answers)])
        if key not in self._known:
            read = self._model.reader.read(self._parted(*group), self._tokenizer.ends)
            self._known[key] = self._model.columns.of(read)
        self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return self._known[key]

    def _parted(self, messages: Sequence[Message], answers: Sequence[str]) -> list[Answered]:
        return parted_answers(self._tokenizer, messages, answers, self._model.config.context_tokens)


def load_scorer(directory: Path) -> Callable[[Sequence[Message], Sequence[str]], list[Scored]]:
    """Opens a reward model; the result gives one score per answer to a conversation, and its deviation, which a version
    of before, a network alone, does not know. It raises
    InvalidError, with count and limit, where the model cannot read prompt and answer together."""
    tokenizer = read_tokenizer(directory)
    if has_scorers(directory):
        return TextScorer(load_scorers(directory)["whole"], tokenizer)
    model: AnswerScorer = load_reward_model(directory)

    def score(messages: Sequence[Message], answers: Sequence[str]) -> list[Scored]:
        read = parted_answers(tokenizer, messages, answers, model.config.context_tokens)
        return [Scored(each, None) for each in model.score(read, tokenizer.ends)[0].tolist()]

    return score


def parted_answers(
    tokenizer: Tokenizer, messages: Sequence[Message], answers: Sequence[str], context_tokens: int
) -> list[Answered]:
    """Raises InvalidError where prompt and answer are too long together."""
    prompt = tokenizer.encode_conversation(messages)
    read = [tokenizer.encode_answered(messages, answer) for answer in answers]
    check_lengths(prompt, [ids[len(prompt) :] for ids in read], context_tokens)
    return [parted(prompt, ids, tokenizer.ends) for ids in read]


def parted(prompt: Sequence[int], ids: Sequence[int], ends: EndTokens) -> Answered:
    """Prompt and answer of what the template writes of both: the answer begins where `ids` leaves the prompt, and holds
    no end but its last token (some templates write an older answer in another way once it is followed by another)."""
    same = next((place for place, (a, b) in enumerate(zip(prompt, ids, strict=False)) if a != b), len(prompt))
    within = [place + 1 for place, token in enumerate(ids[:-1]) if place >= same and token in ends.all]
    cut = max([same, *within])
    return ids[:cut], ids[cut:]


def check_lengths(prompt: Sequence[int], completions: Sequence[Sequence[int]], context_tokens: int) -> None:
    """Raises InvalidError for the first answer (token ids, as the template ends it) that does not fit."""
    before, limit = len(prompt), context_tokens - len(prompt)
    if limit < 1:
        raise InvalidError(
            _(
                "The prompt has {count} tokens; the reward model reads {most}, the answer included. Shorten it.",
                count=f"{before:,}",
                most=f"{context_tokens:,}",
            )
        )
    for number, completion in enumerate(completions, start=1):
        if len(completion) > limit:
            raise InvalidError(
                _(
                    "Answer {number} has {count} tokens; after this prompt of {before} at most {most} fit. Shorten one "
                    "of them.",
                    number=number,
                    count=f"{len(completion):,}",
                    before=f"{before:,}",
                    most=f"{limit:,}",
                )
            )
