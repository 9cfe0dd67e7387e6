"""`fourfold sft`: fine-tune a base model on instruction-answer pairs. The same command again resumes."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.paths import path_argument


def sft(
    base: Annotated[Path, typer.Option(parser=path_argument, help="The base model (from `fourfold pretrain`).")],
    out: Annotated[Path, typer.Option(parser=path_argument, help="Where the fine-tuned model goes.")],
    pairs: Annotated[int, typer.Option(min=64, help="Pairs to train on; no two are the same.")] = 300_000,
    epochs: Annotated[float, typer.Option(min=0.1, help="How often each is seen.")] = 1.5,
    learning_rate: Annotated[float, typer.Option(help="AdamW's highest rate.")] = 1.2e-3,
    batch_rows: Annotated[int, typer.Option(min=1, help="Rows a step.")] = 24,
    context_tokens: Annotated[
        int, typer.Option(min=16, max=512, help="Tokens a row; longer conversations are left out.")
    ] = 320,
    seed: Annotated[int, typer.Option(help="Seed of pairs and order.")] = 0,
    compile_model: Annotated[
        bool, typer.Option("--compile", help="torch.compile: faster, wants a C++ compiler.")
    ] = False,
    work: Annotated[
        Path | None, typer.Option(parser=path_argument, help="Folder of the resumable state (default: beside OUT).")
    ] = None,
) -> None:
    """Teach a base model to answer."""
    from app.cli.training import read_record, record, with_progress_bar, work_directory
    from app.hparams import SFTHparams
    from app.lm.files.checkpoint import load_model, save_model, write_json
    from app.saving import saving
    from app.training.context import FileContext
    from app.training.datasets import sft_data
    from app.training.sft import train_sft

    model, tokenizer = load_model(base)
    hparams = SFTHparams(
        total_pairs=round(pairs * epochs),
        learning_rate=learning_rate,
        batch_rows=batch_rows,
        context_tokens=context_tokens,
        seed=seed,
    )
    typer.echo("Writing and encoding the pairs.")
    data = sft_data(tokenizer, seed=seed + 1, pairs=pairs)
    context = FileContext(work_directory(out, work) / "checkpoint.pt")
    trainer = train_sft(
        model, data.examples, data.held_out, hparams,
        assistant_id=tokenizer.assistant_id, end_id=tokenizer.end_id, pad_id=tokenizer.pad_id,
        context=context, compiled=compile_model,
    )  # fmt: skip
    result = with_progress_bar(trainer, "sft")
    with saving("model"):
        digest = save_model(out, result.model, tokenizer)
    written = record(result, hparams=vars(hparams), data_hash=data.data_hash)
    write_json(out / "training.json", written | {"base": read_record(base)})
    context.clear()
    typer.echo(f"{out}: {result.verdict}, {result.metrics}, content hash {digest[:12]}.")
