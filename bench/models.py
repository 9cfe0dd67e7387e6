"""A published model in a benchmark: fetched into its data folder, and asked the prompts that were written for it."""

import subprocess
from pathlib import Path

from app.corpus.prompts import load_prompts
from app.model_info.catalogue import published
from app.model_info.prompt_sets import CORPUS, FILES
from app.processes import own_process


def get_model(name: str, data_dir: Path) -> None:
    """As a person fetches it. Without a name nothing: the shipped model answers."""
    if name:
        environment = own_process.environment() | {"FOURFOLD_DATA_DIR": str(data_dir)}
        subprocess.run(own_process.command("app", "get-model", name), env=environment, check=True, capture_output=True)


def prompts_for(name: str) -> set[str]:
    """Texts of the shipped prompts that suit the model, held out or not."""
    sets = published(name).prompts if name else (CORPUS,)
    return {prompt.text for each in sets for prompt in load_prompts(FILES[each])}


def results_path(folder: Path, table: str, name: str) -> Path:
    """A file of its own for each model; without a name the shipped one's."""
    return folder / (f"{table}-{name}.json" if name else f"{table}.json")
