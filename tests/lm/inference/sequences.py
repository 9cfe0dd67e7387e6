"""Prompts and settings for sequences that are written side by side, and how a test runs them."""

from app.hparams import SamplingParams
from app.lm.inference.decoder import Decoder
from app.lm.inference.scheduler import Scheduler
from app.lm.inference.sequence import Completion, Sequence, SequenceGroup, new_sequences

END = frozenset({4})
SETTINGS = [
    SamplingParams(max_tokens=20, seed=1),
    SamplingParams(max_tokens=9, seed=2, temperature=0.7, top_k=30),
    SamplingParams(max_tokens=30, seed=3, top_p=0.8, repetition_penalty=1.4),
    SamplingParams(max_tokens=14, seed=4, min_p=0.05),
    SamplingParams(max_tokens=25, temperature=0.0),
]
PROMPTS = [[1, 2, 7, 8, 9, 3], [1, 2, 3], [1, *range(5, 95), 3], [1, 2, 30, 3], [1, 60, 61, 3]]


def sequences_of(place: int, n: int = 3) -> list[Sequence]:
    return new_sequences(n, SETTINGS[place], END, seed=place)


def start(scheduler: Scheduler, prompt: list[int], sequences: list[Sequence]) -> None:
    scheduler.add(SequenceGroup(prompt, sequences))
    scheduler.admit()


def finish(scheduler: Scheduler) -> None:
    while scheduler.busy:
        scheduler.step()


def alone(decoder: Decoder, place: int) -> list[Completion]:
    scheduler, sequences = Scheduler(decoder), sequences_of(place)
    start(scheduler, PROMPTS[place], sequences)
    finish(scheduler)
    return [sequence.completion for sequence in sequences]
