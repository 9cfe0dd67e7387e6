"""LoRA: the addition's formula, where adapters lie, what is merged, kept and moved back; layers that are run again."""

from tests.faults.fault import In

LINEAR = "tests/lm/test_linear.py"
ADAPTERS = "tests/lm/test_adapters.py"
PPO = "tests/training/ppo/test_adapters.py"

fused = In("app/lm/fused.py", LINEAR)
linear = In("app/lm/linear.py", LINEAR)
adapters = In("app/lm/adapters.py", ADAPTERS)
layer = In("app/lm/layer.py", ADAPTERS)
files = In("app/lm/files/adapter_files.py", "tests/lm/files/test_adapter_files.py")
way_back = In("app/training/policy/way_back.py", "tests/training/policy/test_way_back.py")
trainer = In("app/training/policy/trainer.py", "tests/training/policy/test_way_back.py")
shared = In("app/training/policy/shared_weights.py", ADAPTERS)
rollout = In("app/training/policy/rollout.py", PPO)
model = In("app/lm/model.py", PPO)
size = In("app/model_info/size.py", "tests/model_info/test_size.py")
memory = In("app/model_info/memory_need.py", "tests/model_info/test_memory_need.py")

FAULTS = [
    fused("the addition is not scaled", "= block.scale * part", "= part"),
    fused("B's gradient is not scaled", "block.scale * of_up[", "of_up["),
    fused("the addition's gradient does not reach the layers below", "of_inputs = of_narrow @ down if ctx.needs_input_grad[0] else None", "of_inputs = None"),
    fused("parts behind one without an addition are taken for it", "        row += rows\n", "        row += rows if added is not None else 0\n"),
    linear("what inference adds is not scaled", "self.scale * (self.up @ self.down)", "self.up @ self.down"),
    linear("something is added at first", "nn.Parameter(torch.zeros(linear.out_features, rank))", "nn.Parameter(torch.ones(linear.out_features, rank))"),
    linear("a bias is lost", "F.linear(inputs, self.whole, self.bias)", "F.linear(inputs, self.whole)"),
    adapters("the weights beside them learn, too", "    model.requires_grad_(False)\n", ""),
    adapters("all begin alike", "manual_seed(seed)", "manual_seed(0)"),
    adapters("what was taken goes on learning", "(added.down.detach().clone(), added.up.detach().clone())", "(added.down.detach(), added.up.detach())"),
    adapters("adapters on frozen layers, too", "list(model.model.layers)[shape.first_layer :]", "list(model.model.layers)"),
    adapters("alpha is not over the rank", "self.alpha / self.rank", "self.alpha"),
    adapters("what was merged is added once more", "        part.addition = None\n", ""),
    layer("inference reads the weights without what is added", "part.whole.detach()", "part.weight.detach()"),
    files("A and B in each other's place", "lora_A.weight\"] = down.contiguous()", "lora_A.weight\"] = up.contiguous()"),
    way_back("an adapter is not moved back", "share * weight if name.endswith(UP) else", "weight.clone() if name.endswith(UP) else"),
    trainer("a way that is not the adapters' own is gone back", "never_changed = initial.config.num_hidden_layers if hparams.lora_rank else", "never_changed = 0 if hparams.lora_rank else"),
    shared("the copy's weights are its own", "        id(weight): nn.Parameter(weight.detach(), requires_grad=False)", "        id(weight): nn.Parameter(weight.detach().clone(), requires_grad=False)"),
    rollout("layers are never run again", "recompute=self.recompute)", "recompute=False)"),
    model("layers are run again though not asked", "if recompute and torch.is_grad_enabled():", "if torch.is_grad_enabled():"),
    size("adapters learn at the weights' rate", "adapted=rank > 0", "adapted=False"),
    memory("merged weights are not counted", ", FP32 * self.merged)", ", 0)"),
]  # fmt: skip
