"""Which model to ship: base models of several widths, depths and vocabularies, each trained for the same wall time.

    OMP_WAIT_POLICY=PASSIVE python -m bench.model_size --seconds 240

Compared by held-out bits per character (losses per token do not compare across vocabularies), each on the same
held-out documents. One line of JSON a variant goes to bench/results/model_size.jsonl; docs/model.md tells them.
"""

import argparse
import json
import math
import statistics
import time
from itertools import islice
from pathlib import Path

import torch

from app.corpus.articles import pretraining_documents
from app.hparams import ModelConfig, PretrainHparams, model_config
from app.lm.model import Llama
from app.lm.text.tokenizer import Tokenizer
from app.training.context import FileContext
from app.training.datasets import HELD_OUT_SEED, base_data, corpus_tokenizer
from app.training.pretrain import train_base
from app.training.supervised import Batch, batch_loss, compiled_states, make_optimizer, mean_loss

RESULTS = Path(__file__).parent / "results" / "model_size.jsonl"
ROWS, CONTEXT = 64, 128
VARIANTS = (  # hidden, layers, vocabulary
    (192, 8, 4096),
    (256, 8, 2048),
    (256, 8, 4096),
    (256, 8, 8192),
    (256, 12, 4096),
    (320, 8, 4096),
)


def tokens_per_second(config: ModelConfig) -> float:
    """Median of 5 steps after warm-up, on random ids."""
    model = Llama(config)
    states, optimizer = compiled_states(model), make_optimizer(model, 0.1)
    ids = torch.randint(5, config.vocab_size, (ROWS, CONTEXT + 1))
    seconds = []
    for _ in range(7):
        started = time.perf_counter()
        batch_loss(model, Batch(ids[:, :-1], ids[:, 1:]), states).backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - started)
    return ROWS * CONTEXT / statistics.median(seconds[2:])


def bits_per_character(model: Llama, tokenizer: Tokenizer) -> float:
    """Loss of 200 whole documents, one a row, over their characters."""
    bits, characters = 0.0, 0
    for text in islice(pretraining_documents(HELD_OUT_SEED, 200), 200):
        ids = torch.tensor([[tokenizer.bos_id, *tokenizer.encode(text), tokenizer.end_id]])[:, :512]
        loss = mean_loss(model, [Batch(ids[:, :-1], ids[:, 1:])])
        bits += loss * (ids.shape[1] - 1) / math.log(2)
        characters += len(text)
    return bits / characters


def measure(hidden: int, layers: int, vocab: int, seconds: float, learning_rate: float) -> dict[str, object]:
    torch.compiler.reset()  # the limit on compiled variants counts for the whole process
    config = model_config(hidden, layers, vocab)
    speed = tokens_per_second(config)
    tokens = int(speed * seconds)
    tokenizer = corpus_tokenizer(0, vocab)
    data = base_data(tokenizer, seed=0, tokens=tokens, context_tokens=CONTEXT)
    torch.manual_seed(0)
    model = Llama(config)
    hparams = PretrainHparams(
        total_tokens=tokens, context_tokens=CONTEXT, batch_rows=ROWS, learning_rate=learning_rate,
        warmup_steps=min(100, tokens // (ROWS * CONTEXT) // 5), eval_every_steps=10_000, checkpoint_every_steps=10_000,
    )  # fmt: skip
    state = RESULTS.with_name("model_size.checkpoint")
    context = FileContext(state)
    trainer = train_base(model, data.rows, data.held_out_rows, hparams, context=context, compiled=True)
    while True:
        try:
            next(trainer)
        except StopIteration as stop:
            result = stop.value
            break
    context.clear()
    return {
        "hidden": hidden, "layers": layers, "vocab": vocab, "learning_rate": learning_rate, "seconds": seconds,
        "parameters": sum(weight.numel() for weight in model.parameters()), "tokens": result.tokens_seen,
        "tokens_per_second": round(speed), "loss": round(result.metrics["loss/held_out"], 4),
        "bits_per_character": round(bits_per_character(result.model, tokenizer), 4),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--only", type=int, nargs=3, metavar=("HIDDEN", "LAYERS", "VOCAB"))
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    RESULTS.parent.mkdir(exist_ok=True)
    for hidden, layers, vocab in [arguments.only] if arguments.only else VARIANTS:
        result = measure(hidden, layers, vocab, arguments.seconds, arguments.learning_rate)
        print(json.dumps(result), flush=True)
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
