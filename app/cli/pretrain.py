"""`fourfold pretrain`: write the corpus, learn a tokenizer, train a base model. The same command again resumes.

The defaults are those of the shipped model.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.hparam_options import hparam_option
from app.cli.options import CompileModel, WorkFolder, with_options
from app.cli.paths import model_directory, path_argument
from app.hparams import PretrainHparams, model_config
from app.lm.text.tokenizer import Tokenizer

if TYPE_CHECKING:  # torch comes with the command that needs it
    from app.corpus.cleaning.clean import Report
    from app.training.datasets import BaseData


@dataclass(frozen=True)
class PretrainOptions:
    out: Annotated[Path, typer.Option(parser=model_directory, help="Where the base model goes.")]
    tokens: Annotated[int, hparam_option(PretrainHparams, "total_tokens")] = 31_000_000
    hidden_size: Annotated[int, typer.Option(min=64, help="Width; a multiple of 64.")] = 256
    layers: Annotated[int, typer.Option(min=1, help="Depth.")] = 8
    vocab_size: Annotated[int, typer.Option(min=512, max=32_000, help="Entries of the tokenizer.")] = 4096
    learning_rate: Annotated[float, hparam_option(PretrainHparams, "learning_rate")] = 3e-3
    batch_rows: Annotated[int, hparam_option(PretrainHparams, "batch_rows")] = 64
    context_tokens: Annotated[int, hparam_option(PretrainHparams, "context_tokens")] = 128
    texts: Annotated[
        Path | None,
        typer.Option(
            parser=path_argument, help="Your own texts from `fourfold clean`, in place of the project's corpus."
        ),
    ] = None
    seed: Annotated[int, hparam_option(PretrainHparams, "seed")] = 0
    compile_model: CompileModel = False
    work: WorkFolder = None


@with_options(PretrainOptions)
def pretrain(options: PretrainOptions) -> None:
    """Train a base model from nothing."""
    import torch

    from app.cli.training import store_result, trained, work_directory
    from app.corpus.cleaning.clean import Report
    from app.lm.model import Llama
    from app.training.context import FileContext
    from app.training.pretrain import train_base

    config = model_config(options.hidden_size, options.layers, options.vocab_size)
    hparams = PretrainHparams(
        total_tokens=options.tokens,
        learning_rate=options.learning_rate,
        batch_rows=options.batch_rows,
        context_tokens=options.context_tokens,
        seed=options.seed,
    )
    folder, report = work_directory(options.out, options.work), Report()
    tokenizer = learned_tokenizer(folder, options)
    data = encoded_corpus(tokenizer, options, report)
    torch.manual_seed(options.seed)
    model = Llama(config)
    typer.echo(f"{sum(weight.numel() for weight in model.parameters()):,} parameters, {data.rows.numel():,} tokens.")
    context = FileContext(folder / "checkpoint.pt")
    trainer = train_base(model, data.rows, data.held_out_rows, hparams, context=context, compiled=options.compile_model)
    result = trained(trainer, "pretrain")
    more = {"cleaning": report.as_json()}
    store_result(options.out, result, tokenizer, hparams=vars(hparams), data_hash=data.data_hash, more=more)
    context.clear()


def learned_tokenizer(folder: Path, options: PretrainOptions) -> Tokenizer:
    """The one in `folder` where a run before has learned it, else a new one, kept there."""
    from app.training.datasets import corpus_tokenizer

    if (folder / "tokenizer.json").is_file():
        return Tokenizer.load(folder)
    typer.echo("Learning the tokenizer.")
    tokenizer = corpus_tokenizer(options.seed, options.vocab_size, options.texts)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(folder)
    return tokenizer


def encoded_corpus(tokenizer: Tokenizer, options: PretrainOptions, report: "Report") -> "BaseData":
    """The rows to train on and the held-out ones; `report` gets what cleaning did."""
    from app.training.datasets import base_data

    typer.echo("Writing, cleaning and encoding the corpus.")
    return base_data(
        tokenizer,
        seed=options.seed,
        tokens=options.tokens,
        context_tokens=options.context_tokens,
        texts=options.texts,
        report=report,
    )
