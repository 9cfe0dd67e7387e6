"""Does every token get the same bits alone and in company, and the right ones? For tests in this process, and as a
program (`python -m tests.lm.inference.company odd biases`) under the instruction sets that the environment forces.
"""

import sys
from dataclasses import replace

import torch
from torch import Tensor

from app.hparams import ModelConfig, SamplingParams
from app.lm.inference.decoder import Decoder
from app.lm.inference.prefill import prefill_prompts
from app.lm.inference.scheduler import Scheduler
from app.lm.inference.sequence import Completion, SequenceGroup, new_sequences
from app.lm.model import Llama

FORMATS = {
    "fp32": (torch.float32, torch.float32),
    "bf16": (torch.bfloat16, torch.bfloat16),
    "int8": (torch.bfloat16, torch.int8),
}
"""What keys and values are kept in, and what weights."""
VOCABULARY, MOST_ROWS = 512, 64
COMPANIES = [*range(1, 14), 16, 24, 31, 33, 48, 63, 64]  # rows beside one another


def shape(hidden: int, inner: int, heads: int, narrow: int) -> ModelConfig:
    return ModelConfig(
        vocab_size=VOCABULARY, hidden_size=hidden, intermediate_size=inner, num_hidden_layers=2,
        num_attention_heads=heads, num_key_value_heads=narrow, max_position_embeddings=512,
    )  # fmt: skip


SHAPES = {
    "shipped": shape(256, 704, 4, 2),
    "smollm": shape(576, 1536, 9, 3),
    "three to one": shape(192, 528, 3, 1),
    "small": shape(64, 96, 2, 2),
    "odd": shape(100, 171, 5, 1),
    "biases": replace(shape(128, 200, 4, 2), attention_bias=True, attention_out_bias=True, mlp_bias=True),
    "normed heads": replace(shape(320, 321, 10, 5), qk_norm=True, tie_word_embeddings=False),
}
SETTINGS = [
    SamplingParams(max_tokens=12, seed=1, temperature=0.7, top_k=30),
    SamplingParams(max_tokens=12, seed=2, top_p=0.8, repetition_penalty=1.4),
    SamplingParams(max_tokens=12, seed=3, temperature=1.3, min_p=0.05),
    SamplingParams(max_tokens=12, seed=4, top_p=0.8, repetition_penalty=1.4),  # is drawn together with the second
    SamplingParams(
        max_tokens=12, seed=5, frequency_penalty=1.5, presence_penalty=-0.5, logit_bias=((9, 3.0), (7, -1.5))
    ),
    SamplingParams(max_tokens=12, seed=6, presence_penalty=2.0),  # is drawn together with the next, which has none
    SamplingParams(max_tokens=12, seed=7),
]


def lively(config: ModelConfig) -> Llama:
    """Random weights from which logits are not flat."""
    torch.manual_seed(1)
    model = Llama(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn_like(weight)) if weight.dim() == 1 else weight.mul_(4.0)
    return model.eval()


def decoder_in(name: str, model: Llama) -> Decoder:
    dtype, weights = FORMATS[name]
    return Decoder(model, dtype, weights=weights)


def prompts(count: int, longest: int = 200) -> list[list[int]]:
    generator = torch.Generator().manual_seed(7)
    lengths = torch.randint(1, longest, (count,), generator=generator).tolist()
    return [torch.randint(5, VOCABULARY, (length,), generator=generator).tolist() for length in lengths]


def read_alone(decoder: Decoder, prompt: list[int]) -> Tensor:
    """The logits [V] after a prompt that nothing else is read beside, in a cache as short as may be."""
    [states] = prefill_prompts(decoder, [prompt], decoder.new_cache(1, len(prompt)))
    return decoder.logits(states[-1:])[0]


@torch.inference_mode()
def prefill_differs(decoder: Decoder) -> list[int]:
    """Which of six prompts is read otherwise among the others than alone."""
    several = prompts(6)
    states = prefill_prompts(decoder, several, decoder.new_cache(len(several), max(map(len, several))))
    together = decoder.logits(torch.cat([each[-1:] for each in states]))
    return [
        place for place, prompt in enumerate(several) if not torch.equal(read_alone(decoder, prompt), together[place])
    ]


@torch.inference_mode()
def steps_differ(decoder: Decoder) -> list[tuple[int, int]]:
    """(rows in the company, row) of which the next token's logits are others than alone; rows in any order."""
    several = prompts(MOST_ROWS, longest=40)
    crowd = decoder.new_cache(MOST_ROWS, 48)
    prefill_prompts(decoder, several, crowd)
    lengths, ids = torch.tensor([len(prompt) for prompt in several]), torch.arange(5, 5 + MOST_ROWS)

    def step(company: list[int]) -> Tensor:
        cache = decoder.new_cache(len(company), int(lengths[company].max()) + 1)
        for place, source in enumerate(company):
            cache.take(crowd, source, [place], int(lengths[source]))
        return decoder.logits(decoder.states(ids[company], torch.arange(len(company)), lengths[company], cache))

    alone = [step([row])[0] for row in range(MOST_ROWS)]
    generator = torch.Generator().manual_seed(3)
    differ = []
    for rows in COMPANIES:
        company = torch.randperm(MOST_ROWS, generator=generator)[:rows].tolist()
        logits = step(company)
        differ += [(rows, row) for row, one in zip(company, logits, strict=True) if not torch.equal(one, alone[row])]
    return differ


def answers_differ(decoder: Decoder) -> list[int]:
    """Which of these requests is answered otherwise (tokens or log-probabilities) while the others are written."""
    ends, several = frozenset({4}), prompts(len(SETTINGS), longest=60)

    def answer(places: list[int]) -> list[list[Completion]]:
        scheduler = Scheduler(decoder)
        groups = {place: new_sequences(3, SETTINGS[place], ends, place, logprobs=2) for place in places}
        for place, sequences in groups.items():
            scheduler.add(SequenceGroup(several[place], sequences))
            scheduler.admit()
            scheduler.step()
        while scheduler.busy:
            scheduler.step()
        return [[sequence.completion for sequence in sequences] for sequences in groups.values()]

    order = [2, 5, 0, 6, 3, 4, 1]
    return [place for place, one in zip(order, answer(order), strict=True) if answer([place]) != [one]]


@torch.inference_mode()
def farthest(decoder: Decoder, model: Llama) -> float:
    """The largest distance of a prompt's logits from the model's own."""
    return max(float((read_alone(decoder, p) - model(torch.tensor([p]))[0, -1]).abs().max()) for p in prompts(4))


def main(shapes: list[str]) -> int:
    faults = []
    for name in shapes:
        model = lively(SHAPES[name])
        for form in FORMATS:
            decoder = decoder_in(form, model)
            for threads, check in ((1, prefill_differs), (2, steps_differ), (3, answers_differ)):
                torch.set_num_threads(threads)
                if differ := check(decoder):
                    faults.append(f"{name}, {form}, {threads} threads: {check.__name__} {differ[:5]}")
            bound = {"fp32": 1e-3, "bf16": 0.5, "int8": 1.5}[form]
            if (distance := farthest(decoder, model)) > bound:
                faults.append(f"{name}, {form}: logits are {distance} from the model's")
    print("\n".join(faults) or "the same bits in any company")
    return len(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
