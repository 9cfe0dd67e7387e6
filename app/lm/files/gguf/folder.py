"""A GGUF file as a folder in the Hugging Face layout, so that everything else reads one format alone."""

from pathlib import Path

from app.errors import InvalidError
from app.formats.languages import codes_of
from app.lm.files.checkpoint import check_memory, write_json
from app.lm.files.families import parse_config
from app.lm.files.gguf.config import check_frequencies, config_of
from app.lm.files.gguf.header import damaged, read_header
from app.lm.files.gguf.tensors import read_all
from app.lm.files.gguf.tokenizer import StoredTokenizer
from app.lm.files.weight_files import write_parts
from app.lm.model import Llama
from app.lm.text.chat_template import TEMPLATE_FILE
from app.lm.text.imported_tokenizer import TOKENIZER_CONFIG
from app.translation import _


def write_folder(file: Path, directory: Path, *, plain: bool = False) -> list[str]:
    """Writes config.json, tokenizer and weights into `directory`, which is empty. Returns the languages that the file
    names. `plain`: a file without a chat template is taken. Raises CheckpointError for what is damaged, InvalidError
    for what is not supported, and UnavailableError where there is not enough memory; then nothing is written."""
    header = read_header(file)
    config_json = config_of(header)
    config = parse_config(config_json, file, damaged)
    check_frequencies(header, config)
    tokenizer = StoredTokenizer(header)
    tokens = tokenizer.tokenizer_json()
    most = max(tokens["model"]["vocab"].values())
    if most >= config.vocab_size:
        raise damaged(file, f"has {most + 1} tokens, but embeddings for {config.vocab_size} only")
    if tokenizer.template is None and not plain:
        raise InvalidError(
            _(
                "{name} has no chat template (a base model?). Choose the file of the model's instruct version, or "
                'import it with --plain: conversations are then written as "User: …", "Assistant:".',
                name=file.name,
            )
        )
    special = tokenizer.special_ids()
    wanted = Llama.on_meta(config).state_dict()
    check_memory(config, file.name)
    write_parts(directory, read_all(header, config, wanted))
    write_json(directory / "config.json", config_json | special)
    write_json(directory / "generation_config.json", special)
    write_json(directory / "tokenizer.json", tokens)
    write_json(directory / TOKENIZER_CONFIG, tokenizer.tokenizer_config(config.max_position_embeddings))
    if tokenizer.template is not None:
        (directory / TEMPLATE_FILE).write_text(tokenizer.template, encoding="utf-8")
    listed = header.values.get("general.languages")
    return sorted(codes_of(listed if isinstance(listed, list) else []))
