"""`fourfold generate`: answers of a model directory on the terminal."""

import time
from pathlib import Path
from typing import Annotated

import typer

from app.chat import Message
from app.cli.paths import path_argument
from app.cli.terminal import text_argument
from app.errors import InvalidError
from app.formats.texts import clean_text
from app.hparams import SamplingParams
from app.layout import SFT_MODEL
from app.settings.config import Settings


def generate(
    prompt: Annotated[str, typer.Argument(help="What to ask.")],
    model: Annotated[
        Path, typer.Option(parser=path_argument, help="A model directory in the Hugging Face layout.")
    ] = SFT_MODEL,
    n: Annotated[int, typer.Option(min=1, max=64, help="How many answers.")] = 4,
    temperature: Annotated[
        float, typer.Option(min=0.0, max=2.0, help="0 is greedy, and so is anything below 0.001.")
    ] = 1.0,
    top_k: Annotated[int, typer.Option(min=0, help="0 is off.")] = 0,
    top_p: Annotated[float, typer.Option(min=0.01, max=1.0, help="1 is off.")] = 1.0,
    max_tokens: Annotated[int, typer.Option(min=1, max=448, help="Longest answer.")] = 96,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same answers.")] = None,
) -> None:
    """Ask a model; prints its answers."""
    from app.lm import precision
    from app.lm.files.checkpoint import load_model
    from app.lm.inference.offline import sample_batch

    loaded, tokenizer = load_model(model)
    message: Message = {"role": "user", "content": clean_text(text_argument(prompt))}
    ids = tokenizer.encode_conversation([message])
    limit = loaded.config.context_tokens - max_tokens
    if len(ids) > limit:
        raise InvalidError(
            f"The prompt has {len(ids)} tokens and at most {limit} fit. Shorten it or lower --max-tokens."
        )
    params = SamplingParams(temperature=temperature, top_k=top_k, top_p=top_p, max_tokens=max_tokens, seed=seed)
    started = time.perf_counter()
    with precision.using(Settings().precision):
        [answers] = sample_batch(loaded, tokenizer.end_ids, [ids], n=n, params=params)
    seconds = time.perf_counter() - started
    for number, answer in enumerate(answers, start=1):
        cut = "" if answer.finish_reason == "stop" else " […]"
        typer.echo(f"{number}. {tokenizer.decode(answer.token_ids)}{cut}\n")
    tokens = sum(len(answer.token_ids) for answer in answers)
    typer.echo(f"{tokens} tokens in {seconds * 1000:.0f} ms.", err=True)
