"""GGUF files and models by name: what is written for llama.cpp, and what of strangers' files is refused."""

from tests.faults.fault import In

FILES = "tests/lm/files"
export = In("app/lm/files/gguf/export.py", f"{FILES}/gguf/test_export.py")
written = In("app/lm/files/gguf/written_tokenizer.py", f"{FILES}/gguf/test_export.py")
header = In("app/lm/files/gguf/header.py", f"{FILES}/gguf/test_header.py")
folder = In("app/lm/files/gguf/folder.py", f"{FILES}/gguf/test_folder.py")
checkpoint = In("app/lm/files/checkpoint.py", f"{FILES}/test_importing.py")
config = In("app/lm/files/gguf/config.py", f"{FILES}/gguf/test_folder.py")
published = In("app/lm/files/published.py", f"{FILES}/test_published.py")
packages = In("app/processes/packages.py", "tests/processes/test_packages.py")

installing = In("app/services/lifecycle/installing.py", "tests/worker/test_get_model.py")
paths = In("app/cli/paths.py", "tests/worker/test_get_model.py")
by_command = In("app/cli/import_model.py", "tests/worker/test_imported_model.py")
saving = In("app/saving.py", "tests/test_saving.py")

FAULTS = [
    export(
        "llama.cpp rotates other pairs of rows",
        'if family in PERMUTED and (".attn_q." in name',
        'if family in () and (".attn_q." in name',
    ),
    export(
        "llama.cpp is told another base of its positions",
        "writer.add_rope_freq_base(config.rope_theta)",
        "writer.add_rope_freq_base(2 * config.rope_theta)",
    ),
    export(
        "llama.cpp is told another constant of its norms",
        "writer.add_layer_norm_rms_eps(config.rms_norm_eps)",
        "writer.add_layer_norm_rms_eps(0.5)",
    ),
    export("a file that was begun stays where writing failed", "        fresh.unlink(missing_ok=True)", "        pass"),
    written(
        "llama.cpp does not know what ends an answer",
        "writer.add_eos_token_id(tokenizer.end_id)",
        "writer.add_eos_token_id(tokenizer.pad_id)",
    ),
    written(
        "llama.cpp asks without the model's template",
        "    if template is not None:\n        writer.add_chat_template(template)",
        "    del template",
    ),
    written(
        "llama.cpp takes special tokens for words",
        "TokenType.CONTROL if added[number]",
        "TokenType.NORMAL if added[number]",
    ),
    header(
        "a file that was cut is read",
        "    if max(ends, default=0) > size:",
        "    if max(ends, default=0) > 2 * size + 99:",
    ),
    header("an unknown quantization is taken for another", "    if number not in KINDS:", "    if number > 99:"),
    config(
        "another family is read as if it were one of ours",
        "    if header.architecture not in FAMILIES:",
        '    if header.architecture == "gpt2":',
    ),
    folder(
        "a file without a template is taken",
        "if tokenizer.template is None and not plain:",
        "if tokenizer.template is None and False:",
    ),
    folder(
        "more tokens than embeddings are taken",
        "    if most >= config.vocab_size:",
        "    if most >= 2 * config.vocab_size:",
    ),
    checkpoint(
        "a model that does not fit into memory is begun",
        "if free is not None and needed > free:",
        "if free is not None and needed > 1e9 * free:",
    ),
    installing(
        "starting with a published model's name undoes what was trained from it",
        "if answerer is not None and sft_of(session, answerer) is root:",
        "if answerer is root:",
    ),
    paths(
        "what lies in the folder that is named is deleted",
        "    if path.exists() and not (path.is_dir() and not any(path.iterdir())):",
        "    if path.is_file():",
    ),
    published("a file with another hash is used", "left != 0 or digest.hexdigest() != entry.sha256", "left != 0"),
    published("a full disk is found out on the way", "    if free < entry.needed_bytes:", "    if free < 0:"),
    by_command(
        "a full disk is no reason that a person understands",
        '        with saving("imported model"):',
        "        if True:",
    ),
    saving(
        "who has too little memory is told to free disk space",
        "    if not full and is_out_of_memory(error):",
        "    if False:",
    ),
    saving("numpy's word for a full disk is not understood", ', "requested and")', ")"),
    packages(
        "an index that cannot be reached is told as a package that there is not",
        "if UNREACHED in said:",
        "if not said:",
    ),
    packages(
        "an index that cannot be reached is told without the next step",
        "then try again; nothing was changed. Without a network: fourfold import-model FILE.",
        "then try again.",
    ),
]
