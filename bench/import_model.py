"""What importing and opening a model of SmolLM2-135M's shape costs: peak memory beside the weights' size, and seconds.

    python -m bench.import_model

A random model (30 layers, width 576, 9 query and 3 key-value heads, vocabulary 49,152) is written by transformers in
bfloat16; each step then runs in a process of its own, whose high-water mark the system keeps: import, load (as jobs
do), open (as the server does, in bf16). "own" is memory that the step asked for, at the most and afterwards; "peak"
counts the file's mapped pages, too, which the system may drop.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

MIB = 1 << 20
WATCH_SECONDS = 0.005
SHAPES = {
    "135M": {  # of SmolLM2-135M
        "vocab_size": 49_152,
        "hidden_size": 576,
        "intermediate_size": 1_536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "max_position_embeddings": 8_192,
        "tie_word_embeddings": True,
    },
    "494M": {  # of Qwen2.5-0.5B
        "vocab_size": 151_936,
        "hidden_size": 896,
        "intermediate_size": 4_864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "max_position_embeddings": 8_192,
        "tie_word_embeddings": True,
    },
}
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def make_model(directory: Path, shape_name: str = "135M", **changes: int) -> None:
    """A random Llama of a shape above, and a tokenizer as large."""
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    shape = SHAPES[shape_name] | changes
    torch.manual_seed(0)
    entries: dict[str, Any] = shape | {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    model: Any = LlamaForCausalLM(LlamaConfig(**entries))
    model.to(torch.bfloat16).save_pretrained(directory)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    letters = pre_tokenizers.ByteLevel.alphabet()
    words = [*special, *letters, *(f"word{number}" for number in range(shape["vocab_size"] - len(letters) - 3))]
    backend = Tokenizer(models.BPE(vocab={word: number for number, word in enumerate(words)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=special[1], eos_token=special[2], pad_token=special[0]
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(directory)


def memory_bytes() -> dict[str, int]:
    """Of this process: its own pages and all of its pages now, and the most of the latter so far (getrusage would give
    a parent's peak, if that was higher)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    status = {
        name: int(rest.split()[0]) << 10 for name, _, rest in (line.partition(":") for line in lines) if "kB" in rest
    }
    return {"own": status["RssAnon"], "all": status["VmRSS"], "peak": status["VmHWM"]}


def step(action: str, source: Path, target: Path) -> dict[str, float]:
    """Runs in a process of its own; differences to what Python and torch needed before."""
    import torch

    from app.lm.files.checkpoint import load_model
    from app.lm.files.importing import import_directory
    from app.lm.inference.model_cache import ModelCache
    from app.lm.precision import Formats

    torch.set_num_threads(1)
    ways: dict[str, Callable[[], Any]] = {
        "import": lambda: import_directory(source, target),
        "load": lambda: load_model(source),
        "open": lambda: ModelCache(lambda _: source, None, Formats("bf16")).policy(1),
    }
    before, started = memory_bytes(), time.perf_counter()
    own, done = [before["own"]], threading.Event()

    def watch() -> None:
        while not done.wait(WATCH_SECONDS):
            own.append(memory_bytes()["own"])

    watcher = threading.Thread(target=watch)
    watcher.start()
    kept = ways[action]()
    seconds, after = time.perf_counter() - started, memory_bytes()
    done.set()
    watcher.join()
    del kept
    return {
        "seconds": seconds,
        "own": after["own"] - before["own"],
        "own_peak": max(own) - before["own"],
        "peak": after["peak"] - before["all"],
        "torch_compiler": "torch._dynamo" in sys.modules,
    }


def main(
    action: Annotated[str, typer.Option(hidden=True)] = "",
    source: Annotated[Path | None, typer.Option(help="A directory to measure (default: a random model).")] = None,
    target: Annotated[Path, typer.Option(hidden=True)] = Path(),
) -> None:
    if action and source is not None:
        print(json.dumps(step(action, source, target)))
        return
    with tempfile.TemporaryDirectory() as folder:
        directory = source or Path(folder) / "Random-135M"
        if source is None:
            make_model(directory)
        stored = sum(path.stat().st_size for path in directory.glob("*.safetensors"))
        print(f"weights on disk {stored / MIB:,.0f} MiB; in float32 {2 * stored / MIB:,.0f} MiB if they are bfloat16")
        for name in ("import", "load", "open"):
            command = [sys.executable, "-m", "bench.import_model", "--action", name, "--source", str(directory)]
            told = subprocess.run(
                [*command, "--target", f"{folder}/copy"], capture_output=True, text=True, check=True
            ).stdout
            cost = json.loads(told)
            print(
                f"{name}: {cost['seconds']:.1f} s, peak {cost['peak'] / MIB:,.0f} MiB, "
                f"own at most {cost['own_peak'] / MIB:,.0f} MiB and afterwards {cost['own'] / MIB:,.0f} MiB"
            )


if __name__ == "__main__":
    typer.run(main)
