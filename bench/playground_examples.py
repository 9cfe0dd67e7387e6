"""Looks for the playground's ready-made examples on the shipped model, by measures: answers that repeat themselves at
temperature 0, and answers full of words that no text of the corpus has at a high temperature.

`python -m bench.playground_examples` prints the best of the shipped prompts with their figures; those that
app/web/playground_examples.py shows were chosen from its lists, and their test measures them again.
"""

import argparse
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from app.chat import Message
from app.corpus.pairs import instruction_pairs
from app.corpus.prompts import load_prompts
from app.hparams import SamplingParams
from app.layout import SFT_MODEL
from app.lm import precision
from app.lm.files.checkpoint import load_model
from app.lm.inference.offline import sample_batch
from app.training.text_signs import repetition, words_of

CORPUS_PAIRS = 5_000
SHOWN = 8
GREEDY = SamplingParams(temperature=0, max_tokens=200, seed=1)
WILD = SamplingParams(temperature=2, max_tokens=96, seed=1)


@cache
def corpus_words() -> frozenset[str]:
    """The words of many drawn pairs: those that the shipped model was fine-tuned on, nearly all."""
    pairs = instruction_pairs(0, CORPUS_PAIRS)
    texts = (text for pair in pairs for text in (*(text for _role, text in pair.messages), pair.answer))
    return frozenset(word for text in texts for word in words_of(text))


def unknown_share(text: str) -> float:
    """Share of the words that stand nowhere in the corpus: 0 for what the model was taught to write."""
    words = words_of(text)
    return sum(word not in corpus_words() for word in words) / len(words) if words else 0.0


def answers(model_dir: Path, prompts: Sequence[str], params: SamplingParams, *, n: int) -> Iterator[list[str]]:
    """n answers to each question, by the model's own chat format."""
    model, tokenizer = load_model(model_dir)
    ids = [tokenizer.encode_conversation([Message(role="user", content=prompt)]) for prompt in prompts]
    with precision.using("fp32"):
        for completions in sample_batch(model, tokenizer.end_ids, ids, n=n, params=params):
            yield [tokenizer.decode(each.token_ids) for each in completions]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=SFT_MODEL)
    model_dir = parser.parse_args().model
    prompts = [prompt.text for prompt in load_prompts()]
    for name, params, n, measure in (("repetition", GREEDY, 1, repetition), ("unknown words", WILD, 2, unknown_share)):
        written = zip(prompts, answers(model_dir, prompts, params, n=n), strict=True)
        told = [(min(map(measure, texts)), prompt, texts) for prompt, texts in written]
        told.sort(key=lambda each: -each[0])
        print(f"\n{name} at temperature {params.temperature}")
        for value, prompt, texts in told[:SHOWN]:
            print(f"{value:.2f}  {prompt}\n      {' | '.join(texts)}")


if __name__ == "__main__":
    main()
