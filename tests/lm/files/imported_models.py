"""Directories as other people's tools write them: tiny random models of each family, tokenizers, chat templates.

Everything is made by transformers' and tokenizers' own classes; templates are in the style of the families'.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, trainers

TEXTS = [
    "Please tell me how to wash my hands with warm water. Use soap, and dry them well.",
    "A whale is a very big animal. It lives in the sea, but it breathes air.",
    "请告诉我怎么泡茶。先把水烧开，然后放茶叶。",
    "system user assistant You are a helpful assistant. User: Assistant: [INST] [/INST]",
]

CHATML = (
    "{%- if messages[0]['role'] == 'system' %}\n"
    "    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}\n"
    "{%- else %}\n"
    "    {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}\n"
    "{%- endif %}\n"
    "{%- for message in messages %}\n"
    "    {%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}\n"
    "        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}\n"
    "    {%- elif message.role == 'assistant' %}\n"
    "        {%- set content = message.content %}\n"
    "        {%- if '</think>' in content %}\n"
    "            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}\n"
    "        {%- endif %}\n"
    "        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}\n"
    "    {%- endif %}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<|im_start|>assistant\\n' }}\n"
    "{%- endif %}\n"
)
LLAMA3 = (
    "{% set loop_messages = messages %}\n   {% for message in loop_messages %}\n"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim"
    " + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + eos_token }}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)
SMOLLM = (
    "{%- macro line(role, text) -%}{{ '<|im_start|>' ~ role ~ '\\n' ~ text }}{%- endmacro -%}\n"
    "{%- set ns = namespace(turns=0) -%}\n"
    "{%- for message in messages -%}\n"
    "  {%- if loop.first and message['role'] != 'system' -%}\n"
    "    {{- line('system', 'Today is ' ~ strftime_now('%Y') ~ '. ' ~ ({'name': 'Smol <b>', 'n': 1} | tojson))"
    " ~ '<|im_end|>\\n' -}}\n"
    "  {%- endif -%}\n"
    "  {%- if message['role'] == 'assistant' -%}\n"
    "    {% generation %}{{- line('assistant', message['content']) ~ '<|im_end|>\\n' -}}{% endgeneration %}\n"
    "    {%- continue -%}\n"
    "  {%- endif -%}\n"
    "  {%- set ns.turns = ns.turns + 1 -%}\n"
    "  {{- line(message['role'], message['content']) ~ '<|im_end|>\\n' -}}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}\n"
)
SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
    "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}\n"
)
THINKING = (  # the last answer has thoughts, empty ones where there are none, as Qwen3's template writes it
    "{%- for message in messages %}\n"
    "    {{- '<|im_start|>' + message.role + '\n' }}\n"
    "    {%- if message.role == 'assistant' and loop.last %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}\n"
    "    {{- message.content + '<|im_end|>\n' }}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\n' }}\n{%- endif %}\n"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'assistant' %}{% set role = 'model' %}"
    "{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)
DEAF = (  # leaves system text out without a word
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ '<|im_start|>user\n' + message['content'] }}"
    "{{ '<|im_end|>' }}{% elif message['role'] == 'assistant' %}{{ '<|im_start|>assistant\n' + message['content'] }}"
    "{{ '<|im_end|>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# style -> template, special tokens, added tokens that are not special, bos, eos
STYLES: dict[str, tuple[str, list[str], list[str], str | None, str]] = {
    "chatml": (CHATML, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], ["<think>", "</think>"], None, "<|im_end|>"),
    "words": (CHATML, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], ["<think>", "泡茶", "   "], None, "<|im_end|>"),
    "llama3": (
        LLAMA3,
        ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
        [],
        "<|begin_of_text|>",
        "<|eot_id|>",
    ),
    "mistral": (MISTRAL, ["<unk>", "<s>", "</s>"], [], "<s>", "</s>"),
    "smollm2": (SMOLLM2, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], [], "<|im_start|>", "<|im_end|>"),
    "thinking": (
        THINKING,
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        ["<think>", "</think>"],
        None,
        "<|im_end|>",
    ),
    "gemma": (
        GEMMA,
        ["<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"],
        [],
        "<bos>",
        "<eos>",
    ),
    "deaf": (DEAF, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], [], None, "<|im_end|>"),
    "smollm": (SMOLLM, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], [], "<|im_start|>", "<|im_end|>"),
}


def byte_level(added: list[str], plain: list[str], size: int = 400) -> tokenizers.Tokenizer:
    """Byte-level BPE, as Llama 3, Qwen and SmolLM have."""
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator(TEXTS * 3, trainer)
    backend.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in added])
    backend.add_tokens([AddedToken(text, special=False, normalized=False) for text in plain])
    return backend


def sentencepiece_like(added: list[str], *, legacy: bool) -> tokenizers.Tokenizer:
    """BPE over characters with byte fallback, as Llama 2 and Mistral have. `legacy` puts the space before a text in the
    normalizer, else Metaspace does before the first part alone."""
    words = [("▁" + word) for text in TEXTS for word in text.split(" ")]
    learned = tokenizers.Tokenizer(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    learned.train_from_iterator(words * 3, trainers.BpeTrainer(vocab_size=250, show_progress=False))
    content = json.loads(learned.to_str())["model"]
    names = [*added, *(f"<0x{byte:02X}>" for byte in range(256)), *content["vocab"]]
    merges = [tuple(pair) for pair in content["merges"]]
    vocab = {name: number for number, name in enumerate(names)}
    backend = tokenizers.Tokenizer(
        models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    if legacy:
        backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        backend.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    backend.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in added])
    return backend


def save_tokenizer(directory: Path, style: str = "chatml", *, legacy: bool = False, template: Any = "style") -> None:
    """As transformers writes it: tokenizer.json, tokenizer_config.json and chat_template.jinja."""
    from transformers import PreTrainedTokenizerFast

    written, special, plain, bos, eos = STYLES[style]
    backend = sentencepiece_like(special, legacy=legacy) if style == "mistral" else byte_level(special, plain)
    named = {"bos_token": bos, "eos_token": eos, "pad_token": special[0]}
    fast = PreTrainedTokenizerFast(
        tokenizer_object=backend, **{name: text for name, text in named.items() if text is not None}
    )
    fast.chat_template = written if template == "style" else template
    fast.save_pretrained(directory)


def change_json(path: Path, **entries: Any) -> None:
    """Entries that are None are taken out."""
    found = json.loads(path.read_text(encoding="utf-8")) | entries
    kept = {name: value for name, value in found.items() if value is not None}
    path.write_text(json.dumps(kept), encoding="utf-8")


SIZES = {
    "vocab_size": 512,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}
OLD_YARN = {
    "rope_theta": 5_000.0,
    "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 16},
    "rope_parameters": None,
}
YARN = {
    "rope_type": "yarn", "rope_theta": 8_000.0, "factor": 8.0, "original_max_position_embeddings": 32,
    "mscale": 1.0, "mscale_all_dim": 0.7, "truncate": False,
}  # fmt: skip
LLAMA3_ROPE = {
    "rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0, "original_max_position_embeddings": 32,
    "low_freq_factor": 1.0, "high_freq_factor": 4.0,
}  # fmt: skip
# name -> model type, what its config says beside the sizes, what is written into config.json afterwards
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "llama": ("llama", {}, {}),
    "llama-tied": ("llama", {"tie_word_embeddings": True}, {}),
    "llama-biases": ("llama", {"attention_bias": True, "mlp_bias": True, "head_dim": 12}, {}),
    "llama-linear": ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 2.5, "rope_theta": 1e4}}, {}),
    "llama-llama3": ("llama", {"rope_parameters": LLAMA3_ROPE, "head_dim": 16}, {}),
    "llama-yarn": ("llama", {"rope_parameters": YARN, "head_dim": 16}, {}),
    "llama-old-yarn": ("llama", {}, OLD_YARN),
    "mistral": ("mistral", {"head_dim": 10, "sliding_window": 64}, {}),
    "qwen2": ("qwen2", {"tie_word_embeddings": True}, {}),
    "qwen3": ("qwen3", {"head_dim": 16}, {}),
    "qwen3-biases": ("qwen3", {"head_dim": 8, "attention_bias": True, "tie_word_embeddings": True}, {}),
    "smollm3": ("smollm3", {"no_rope_layers": [1, 0, 1]}, {}),
    "smollm3-default": ("smollm3", {"num_hidden_layers": 4, "attention_bias": True, "mlp_bias": True}, {}),
}


NOTHING: Mapping[str, Any] = {}


def save_random_model(
    directory: Path,
    case: str = "llama",
    *,
    style: str | None = "chatml",
    dtype: str = "float32",
    others: Mapping[str, Any] = NOTHING,
    **saving: Any,
) -> Any:
    """A random model of transformers, saved by itself, and the same loaded again from the files, in fp32. `others`:
    what its config says in place of the case's."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    kind, more, later = CASES[case]
    torch.manual_seed(sorted(CASES).index(case))
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    config = AutoConfig.for_model(kind, **{**SIZES, **ids, **more, **others})
    made = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for weight in made.parameters():  # lively: norms not 1, biases not 0, attention not flat
            weight.normal_(std=0.25 if weight.dim() == 2 else 0.3)
            if weight.dim() == 1 and weight.shape[0] in (config.hidden_size, getattr(config, "head_dim", 0)):
                weight += 1.0
    made.to(getattr(torch, dtype)).save_pretrained(directory, **saving)
    if later:
        change_json(directory / "config.json", **later)
    if style is not None:
        save_tokenizer(directory, style)
    return AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
