"""An adapter on disk as the PEFT library reads it: adapter_config.json and adapter_model.safetensors.

In a folder of its own beside a model's files: where both lie in one, transformers with PEFT takes the model for an
adapter of another one. It belongs on the version that the training began with; the model beside it has it merged.
"""

from pathlib import Path

from safetensors.torch import save_file

from app.lm.adapters import Adapter
from app.lm.files.checkpoint import write_json
from app.lm.files.weight_files import METADATA

FOLDER, CONFIG, WEIGHTS = "adapter", "adapter_config.json", "adapter_model.safetensors"


def write_adapter(directory: Path, adapter: Adapter) -> None:
    """Into `directory`/adapter."""
    folder, shape = directory / FOLDER, adapter.shape
    folder.mkdir()
    factors = adapter.factors
    write_json(
        folder / CONFIG,
        {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": None,
            "inference_mode": True,
            "r": shape.rank,
            "lora_alpha": shape.alpha,
            "lora_dropout": 0.0,
            "bias": "none",
            "fan_in_fan_out": False,
            "use_rslora": False,
            "target_modules": sorted({name.rpartition(".")[2] for name in factors}),
            "layers_to_transform": sorted({int(name.split(".")[2]) for name in factors}),
            "layers_pattern": "layers",
        },
    )
    tensors = {}
    for name, (down, up) in factors.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = down.contiguous()
        tensors[f"base_model.model.{name}.lora_B.weight"] = up.contiguous()
    save_file(tensors, folder / WEIGHTS, metadata=METADATA)
