"""Supervised fine-tuning: loss on the tokens of every answer of a conversation and its `<|end|>`, never on what the
user said (InstructGPT, Ouyang et al. 2022, section 3.5, with the turns of a conversation as one sequence).
Knows no text.

Several pairs share a row of `context_tokens` and attention is plain causal across their borders, as in pretraining:
every batch has one shape and little padding. Padding is on the right, where real tokens never look.

Shapes: R rows, T tokens.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from app.hparams import SFTHparams
from app.lm.model import Llama
from app.saving import TrainingError
from app.training.context import Progress, TrainingContext
from app.training.linear_cross_entropy import Penalties
from app.training.supervised import IGNORED, Batch, Course, FitResult, fit, shuffled
from app.training.unheard import Unheard

OPEN_ROWS = 32  # rows that are still being filled: the next pair goes to the first one it fits in
PROBE_ROWS = 96


@dataclass(frozen=True)
class Marks:
    """Ids of the tokens by which training knows answers: what begins one (None for imported models, which mark answers
    by whole phrases), what ends one, and padding."""

    assistant_id: int | None
    end_id: int
    pad_id: int


@dataclass(frozen=True)
class Example:
    """`prompt` ends with <|assistant|>; `answer` is without <|end|>, which training adds."""

    prompt: list[int]
    answer: list[int]

    @property
    def size(self) -> int:
        return len(self.prompt) + len(self.answer) + 1


def fill_rows(examples: Sequence[Example], context_tokens: int) -> list[list[Example]]:
    """First fit into a few open rows. Examples longer than a row are left out."""
    full: list[list[Example]] = []
    rows: list[tuple[int, list[Example]]] = []  # tokens left, what is in
    for example in examples:
        if example.size > context_tokens:
            continue
        place = next((index for index, (left, _) in enumerate(rows) if left >= example.size), None)
        if place is None:
            if len(rows) == OPEN_ROWS:
                fullest = min(range(OPEN_ROWS), key=lambda index: rows[index][0])
                full.append(rows.pop(fullest)[1])
            rows.append((context_tokens - example.size, [example]))
        else:
            left, inside = rows[place]
            rows[place] = (left - example.size, [*inside, example])
    return full + [inside for _, inside in rows]


def answer_places(tokens: Sequence[int], *, assistant_id: int, end_id: int) -> list[int]:
    """Where tokens of answers and the ends of answers stand: behind `<|assistant|>`, up to and with `<|end|>`."""
    places, answering = [], False
    for place, token in enumerate(tokens):
        if answering:
            places.append(place)
        answering = token == assistant_id or (answering and token != end_id)
    return places


def wanted_places(example: Example, marks: Marks) -> list[int]:
    """Which places of `tokens_of` are targets: all answers and their ends; without an assistant_id the last one's."""
    if marks.assistant_id is None:
        return list(range(len(example.prompt), example.size))
    return answer_places(tokens_of(example, marks), assistant_id=marks.assistant_id, end_id=marks.end_id)


def tokens_of(example: Example, marks: Marks) -> list[int]:
    return [*example.prompt, *example.answer, marks.end_id]


def pack_examples(
    examples: Sequence[Example], context_tokens: int, marks: Marks, heard: Unheard | None = None
) -> Batch:
    """Rows [R,T]; targets are the answers and their ends, one to the left as always; with what never follows each
    token, where that is `heard`."""
    rows = fill_rows(examples, context_tokens)
    ids = torch.full((len(rows), context_tokens), marks.pad_id, dtype=torch.long)
    targets = torch.full_like(ids, IGNORED)
    unheard = None if heard is None else torch.zeros_like(ids)
    for row, inside in enumerate(rows):
        start = 0
        for example in inside:
            tokens = tokens_of(example, marks)
            here = slice(start, start + len(tokens))
            ids[row, here] = torch.tensor(tokens)
            wanted = torch.tensor(wanted_places(example, marks)) + start
            targets[row, wanted - 1] = ids[row, wanted]  # each is predicted by the token before it
            if heard is not None and unheard is not None:
                unheard[row, here] = heard.numbers(tokens)
            start += len(tokens)
    return Batch(ids, targets, unheard)


def _parts(packed: Batch, order: Tensor, size: int) -> list[Batch]:
    """Whole batches alone, so that every batch has one shape; at least one, however few rows there are."""
    parts = torch.split(order, size)
    kept = [part for part in parts if len(part) == size] or [parts[0]]
    return [packed.rows(part) for part in kept]


def train_sft(
    model: Llama,
    examples: Sequence[Example],
    held_out: Sequence[Example],
    hparams: SFTHparams,
    *,
    marks: Marks,
    context: TrainingContext,
    compiled: bool = False,
    pieces: Sequence[bytes] = (),
) -> Generator[Progress, None, FitResult]:
    """Train until about total_pairs examples were seen, in a new order every epoch. `pieces`: what each token writes,
    wanted where there is an unheard_penalty. Raises TrainingError for a pair without an answer, or too few of them."""
    for number, example in enumerate((*examples, *held_out), 1):
        if not example.answer or not example.prompt:
            lacking = "answer" if example.prompt else "prompt"
            raise TrainingError(
                f"Pair {number} has no {lacking}. Fill it in or leave the pair out; nothing was trained."
            )
    padded = [*pieces, *[b""] * (model.config.vocab_size - len(pieces))]  # as imported models' embeddings are
    heard = _learned(examples, padded, marks) if hparams.unheard_penalty else None
    packed = pack_examples(examples, hparams.context_tokens, marks, heard)
    other = pack_examples(held_out, hparams.context_tokens, marks)
    count = len(packed.ids)
    if count < hparams.batch_rows or len(other.ids) == 0:
        raise TrainingError(
            f"{count} rows of pairs and {len(other.ids)} held-out rows are too few for batches of {hparams.batch_rows}."
            " Give more pairs."
        )
    per_epoch = count // hparams.batch_rows
    total_steps = max(1, round(hparams.total_pairs / len(examples) * per_epoch))

    def batch_at(step: int) -> Batch:
        epoch, place = divmod(step, per_epoch)
        order = shuffled(count, epoch, hparams.seed)
        return packed.rows(order[place * hparams.batch_rows : (place + 1) * hparams.batch_rows])

    course = Course(
        batch_at,
        total_steps,
        train_probe=_parts(packed, torch.arange(min(count, PROBE_ROWS)), hparams.batch_rows),
        held_out=_parts(other, torch.arange(min(len(other.ids), PROBE_ROWS)), hparams.batch_rows),
        penalties=Penalties(hparams.tail_penalty, hparams.unheard_penalty, heard),
    )
    return (yield from fit(model, course, hparams, context=context, compiled=compiled))


def _learned(examples: Sequence[Example], pieces: Sequence[bytes], marks: Marks) -> Unheard:
    return Unheard.learned(pieces, ((tokens_of(one, marks), wanted_places(one, marks)) for one in examples))
