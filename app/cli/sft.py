"""`fourfold sft`: fine-tune a base model on instruction-answer pairs. The same command again resumes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.cli.hparam_options import hparam_option
from app.cli.options import CompileModel, WorkFolder, with_options
from app.cli.paths import model_directory, path_argument
from app.hparams import SFTHparams
from app.lm.inference.token_bytes import written_pieces


@dataclass(frozen=True)
class SFTOptions:
    base: Annotated[Path, typer.Option(parser=path_argument, help="The base model (from `fourfold pretrain`).")]
    out: Annotated[Path, typer.Option(parser=model_directory, help="Where the fine-tuned model goes.")]
    pairs: Annotated[int, typer.Option(min=64, help="Pairs to train on; no two are the same.")] = 300_000
    epochs: Annotated[float, typer.Option(min=0.1, help="How often each is seen.")] = 1.5
    learning_rate: Annotated[float, hparam_option(SFTHparams, "learning_rate")] = 1.2e-3
    min_learning_rate: Annotated[float, hparam_option(SFTHparams, "min_learning_rate")] = 5e-5
    tail_penalty: Annotated[float, hparam_option(SFTHparams, "tail_penalty")] = 0.0
    unheard_penalty: Annotated[float, hparam_option(SFTHparams, "unheard_penalty")] = 0.0
    batch_rows: Annotated[int, hparam_option(SFTHparams, "batch_rows")] = 24
    context_tokens: Annotated[int, hparam_option(SFTHparams, "context_tokens")] = 320
    seed: Annotated[int, hparam_option(SFTHparams, "seed")] = 0
    compile_model: CompileModel = False
    work: WorkFolder = None


@with_options(SFTOptions)
def sft(options: SFTOptions) -> None:
    """Teach a base model to answer."""
    from app.cli.training import read_record, store_result, trained, work_directory
    from app.lm.files.checkpoint import load_model
    from app.training.context import FileContext
    from app.training.datasets import sft_data
    from app.training.sft import Marks, train_sft

    model, tokenizer = load_model(options.base)
    hparams = SFTHparams(
        total_pairs=round(options.pairs * options.epochs),
        learning_rate=options.learning_rate,
        min_learning_rate=options.min_learning_rate,
        tail_penalty=options.tail_penalty,
        unheard_penalty=options.unheard_penalty,
        batch_rows=options.batch_rows,
        context_tokens=options.context_tokens,
        seed=options.seed,
    )
    typer.echo("Writing and encoding the pairs.")
    data = sft_data(tokenizer, seed=options.seed + 1, pairs=options.pairs)
    context = FileContext(work_directory(options.out, options.work) / "checkpoint.pt")
    marks = Marks(tokenizer.assistant_id, tokenizer.end_id, tokenizer.pad_id)
    trainer = train_sft(
        model,
        data.examples,
        data.held_out,
        hparams,
        marks=marks,
        context=context,
        compiled=options.compile_model,
        pieces=written_pieces(tokenizer),
    )
    result = trained(trainer, "sft")
    more = {"base": read_record(options.base)}
    store_result(options.out, result, tokenizer, hparams=vars(hparams), data_hash=data.data_hash, more=more)
    context.clear()
