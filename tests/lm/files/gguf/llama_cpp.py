"""llama.cpp itself, as the package xllamacpp carries it: what it makes of a file that this program wrote.

Its servers run in a process of their own, on the loopback alone, and end with it: one that is put away waits for its
own thread now and then, for good, and holds the interpreter's lock meanwhile.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import torch

READABLE = "a"
"""It tells no probabilities beside a token that is no whole character, so that one is taken."""


class LlamaCpp:
    """A file that it has opened."""

    def __init__(self, address: str) -> None:
        self._address = address

    def tokens(self, text: str, *, special: bool = False) -> list[int]:
        """`special`: names of special tokens in the text are these, and the token of the beginning goes before it."""
        asked = {"content": text, "parse_special": special, "add_special": special}
        return list(self._call("/tokenize", asked)["tokens"])

    def conversation(self, messages: Sequence[Mapping[str, Any]]) -> list[int]:
        """As the file's own chat template writes it, up to where the answer begins."""
        written = self._call("/apply-template", {"messages": list(messages)})["prompt"]
        return self.tokens(written, special=True)

    def logprobs(self, ids: Sequence[int], size: int) -> torch.Tensor:
        """Of the token behind `ids`, [size] fp32, before anything is filtered."""
        asked = {"n_predict": 1, "n_probs": size, "logit_bias": [[self.tokens(READABLE)[-1], 1000.0]]}
        listed = self._complete(ids, asked)["completion_probabilities"][0]["top_logprobs"]
        found = torch.full((size,), torch.nan)
        for each in listed:
            found[each["id"]] = each["logprob"]
        return found

    def greedy(self, ids: Sequence[int], most: int) -> list[int]:
        """The likeliest token each time, up to the one that ends the answer."""
        return list(self._complete(ids, {"n_predict": most, "return_tokens": True})["tokens"])

    def _complete(self, ids: Sequence[int], asked: Mapping[str, Any]) -> dict[str, Any]:
        return self._call("/completion", {"prompt": list(ids), "temperature": 0, "cache_prompt": False, **asked})

    def _call(self, path: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        answer = httpx2.post(f"{self._address}{path}", json=dict(asked), timeout=60)
        answer.raise_for_status()
        return dict(answer.json())


class Opener:
    """Opens one file after the other, in the process that `running_llama_cpp` began."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def open(self, file: Path) -> LlamaCpp:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(file, file=self._process.stdin, flush=True)
        address = self._process.stdout.readline().strip()
        assert address, f"llama.cpp did not open {file.name}"
        return LlamaCpp(address)


@contextmanager
def running_llama_cpp() -> Iterator[Opener]:
    command = [sys.executable, "-m", "tests.lm.files.gguf.llama_cpp"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Opener(process)
        finally:
            process.kill()


def _serve() -> None:
    """One thread; keys, values and attention in fp32, so that a difference is the file's."""
    import xllamacpp

    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    servers, whole = [], xllamacpp.ggml_type.GGML_TYPE_F32
    for line in sys.stdin:
        params = xllamacpp.CommonParams()
        params.model.path = line.rstrip("\n")
        for part, name, value in (
            (params, "port", 0),
            (params, "verbosity", 0),
            (params, "warmup", False),
            (params, "n_ctx", 256),
            (params, "n_parallel", 1),
            (params, "n_threads_http", 1),
            (params, "cache_type_k", whole),
            (params, "cache_type_v", whole),
            (params, "flash_attn_type", xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED),
            (params.cpuparams, "n_threads", 1),
            (params.cpuparams_batch, "n_threads", 1),
        ):
            setattr(part, name, value)
        servers.append(xllamacpp.Server(params))
        answers.write(f"{servers[-1].listening_address}\n")


if __name__ == "__main__":
    _serve()
