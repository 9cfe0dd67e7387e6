"""`fourfold pretrain`: write the corpus, learn a tokenizer, train a base model. The same command again resumes.

The defaults are those of the shipped model.
"""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.paths import path_argument


def pretrain(
    out: Annotated[Path, typer.Option(parser=path_argument, help="Where the base model goes.")],
    tokens: Annotated[int, typer.Option(min=1_000, help="Tokens to train on.")] = 31_000_000,
    hidden_size: Annotated[int, typer.Option(min=64, help="Width; a multiple of 64.")] = 256,
    layers: Annotated[int, typer.Option(min=1, help="Depth.")] = 8,
    vocab_size: Annotated[int, typer.Option(min=512, max=32_000, help="Entries of the tokenizer.")] = 4096,
    learning_rate: Annotated[float, typer.Option(help="AdamW's highest rate.")] = 3e-3,
    batch_rows: Annotated[int, typer.Option(min=1, help="Rows a step.")] = 64,
    context_tokens: Annotated[int, typer.Option(min=16, max=512, help="Tokens a row.")] = 128,
    texts: Annotated[
        Path | None,
        typer.Option(
            parser=path_argument, help="Your own texts from `fourfold clean`, in place of the project's corpus."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of corpus, weights and order.")] = 0,
    compile_model: Annotated[
        bool, typer.Option("--compile", help="torch.compile: faster, wants a C++ compiler.")
    ] = False,
    work: Annotated[
        Path | None, typer.Option(parser=path_argument, help="Folder of the resumable state (default: beside OUT).")
    ] = None,
) -> None:
    """Train a base model from nothing."""
    import torch  # heavy: only when training

    from app.cli.training import record, with_progress_bar, work_directory
    from app.corpus.cleaning.clean import Report
    from app.hparams import PretrainHparams, model_config
    from app.lm.files.checkpoint import save_model, write_json
    from app.lm.model import Llama
    from app.lm.tokenizer import Tokenizer
    from app.saving import saving
    from app.training.context import FileContext
    from app.training.datasets import base_data, corpus_tokenizer
    from app.training.pretrain import train_base

    config = model_config(hidden_size, layers, vocab_size)
    hparams = PretrainHparams(
        total_tokens=tokens,
        learning_rate=learning_rate,
        batch_rows=batch_rows,
        context_tokens=context_tokens,
        seed=seed,
    )
    folder = work_directory(out, work)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "tokenizer.json").is_file():
        tokenizer = Tokenizer.load(folder)
    else:
        typer.echo("Learning the tokenizer.")
        tokenizer = corpus_tokenizer(seed, config.vocab_size, texts)
        tokenizer.save(folder)
    typer.echo("Writing, cleaning and encoding the corpus.")
    report = Report()
    data = base_data(tokenizer, seed=seed, tokens=tokens, context_tokens=context_tokens, texts=texts, report=report)
    torch.manual_seed(seed)
    model = Llama(config)
    typer.echo(f"{sum(weight.numel() for weight in model.parameters()):,} parameters, {data.rows.numel():,} tokens.")
    context = FileContext(folder / "checkpoint.pt")
    trainer = train_base(model, data.rows, data.held_out_rows, hparams, context=context, compiled=compile_model)
    result = with_progress_bar(trainer, "pretrain")
    with saving("model"):
        digest = save_model(out, result.model, tokenizer)
    written = record(result, hparams=vars(hparams), data_hash=data.data_hash)
    write_json(out / "training.json", written | {"cleaning": report.as_json()})
    context.clear()
    typer.echo(f"{out}: {result.verdict}, {result.metrics}, content hash {digest[:12]}.")
