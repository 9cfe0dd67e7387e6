"""What one process computes with the kernels, to the bit (`python -m tests.lm.kernels.results bfloat16
float32`): a line for each precision, with its logits, and its answers with their log-probabilities."""

import sys

import torch

from app.lm.inference.decoder import Decoder
from app.lm.inference.prefill import prefill_prompts
from app.lm.inference.scheduler import Scheduler
from app.lm.inference.sequence import SequenceGroup, new_sequences
from tests.lm.inference.company import SETTINGS, SHAPES, lively, prompts

ENDS = frozenset({4})


@torch.inference_mode()
def logits(decoder: Decoder) -> str:
    several = prompts(6, longest=60)
    states = prefill_prompts(decoder, several, decoder.new_cache(len(several), max(map(len, several))))
    return decoder.logits(torch.cat([each[-1:] for each in states])).numpy().tobytes().hex()


def answers(decoder: Decoder) -> str:
    """Floats are written so that they can be read again, so to the bit."""
    scheduler = Scheduler(decoder)
    asked = [new_sequences(2, settings, ENDS, place, logprobs=2) for place, settings in enumerate(SETTINGS)]
    for prompt, sequences in zip(prompts(len(asked), longest=60), asked, strict=True):
        scheduler.add(SequenceGroup(prompt, sequences))
    scheduler.admit()
    while scheduler.busy:
        scheduler.step()
    return repr([sequence.completion for sequences in asked for sequence in sequences])


def main(precisions: list[str]) -> None:
    torch.set_num_threads(1)
    model = lively(SHAPES["normed heads"])
    for name in precisions:
        decoder = Decoder(model, getattr(torch, name))
        print(name, logits(decoder), answers(decoder))


if __name__ == "__main__":
    main(sys.argv[1:])
