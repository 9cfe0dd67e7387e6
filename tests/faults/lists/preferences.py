"""Learning from preferences beside PPO: DPO, RLOO and GRPO, best-of-n distillation."""

from tests.faults.fault import In

dpo = In("app/training/dpo.py", "tests/training/test_dpo.py")
dpo_rankings = In("app/training/dpo_rankings.py", "tests/training/test_dpo_rankings.py")
loss = In("app/training/preference_loss.py", "tests/training/test_preference_loss.py")
blocks = In("app/training/linear_logprobs.py", "tests/training/test_linear_logprobs.py")
grpo = In("app/training/grpo.py", "tests/training/test_grpo.py")
best = In("app/training/best_of_n.py", "tests/training/test_best_of_n.py")
drift = In("app/training/policy/drift.py", "tests/training/policy/test_drift.py")
handle_dpo = In("app/worker/handlers/train_dpo.py", "tests/worker/handlers/test_policy_kinds.py")

FAULTS = [
    blocks("log-probabilities at another temperature", "softmax_at(probabilities, targets[part], temperature)", "softmax_at(probabilities, targets[part], 1.0)"),
    blocks("the slope of other states", "slope = matrix.times(low_states[part])", "slope = matrix.times(low_states[: len(targets[part])])"),
    dpo("the reference's log-probabilities left out", "below) - ranked.reference[rows]", "below)"),
    dpo("the reference of other rankings", "- ranked.reference[rows]", "- ranked.reference[sorted(rows)]"),
    dpo("beta left out", "self.hparams.beta * changes / lengths", "changes / lengths"),
    dpo("micro-batches as means of their own", ".sum() / len(rows)", ".mean()"),
    dpo("gradients never forgotten", "        self.optimizer.zero_grad()\n", ""),
    dpo_rankings("pairs of a prompt on both sides", "prompts = sorted({group.prompt_id for group in groups})", "prompts = sorted({id(group) for group in groups})"),
    dpo("the last policy kept", "    trainer.take(trainer.best)\n", ""),
    dpo("it never stops by itself", "run.ended = beyond or run.looks_since >= self.hparams.patience", "run.ended = False"),
    dpo("the KL budget not looked at", "return budget is not None and", "return False and"),
    dpo("the optimizer not restored", '        self.optimizer.load_state_dict(state["optimizer"])\n', ""),
    dpo("the best policy forgotten at a resume", 'self.run, self.best = Run(**state["run"]), state["best"]', 'self.run = Run(**state["run"])'),
    dpo_rankings("the same order in each epoch", "part_seed(seed, epoch, LAP_STRIDE)", "part_seed(seed, 0, LAP_STRIDE)"),
    dpo("states kept with their padding's rows mixed", "below[place, :size].clone()", "below[0, :size].clone()"),
    dpo("states kept without end", "and kept <= KEPT_BYTES", "and True"),
    dpo("lengths not looked at", "if self.hparams.length_normalized else", "if False else"),
    loss("the order turned round", "torch.sign(self.ranks.unsqueeze(1) - self.ranks.unsqueeze(2))", "torch.sign(self.ranks.unsqueeze(2) - self.ranks.unsqueeze(1))"),
    loss("every pair counts once, not every ranking", ".sum((1, 2)) / pairs.sum((1, 2)).clamp(min=1)", ".sum((1, 2))"),
    loss("ties count though they are left out", 'if hparams.ties == "left_out":', "if False:"),
    loss("ties without their strength", "Davidson(tie_strength)\n", "Davidson(0.0)\n"),
    loss("no smoothing", "    if hparams.label_smoothing:", "    if False:"),
    loss("NaN leaks from the padding", "torch.where(preferences.mask, preferences.rewards, 0.0)", "preferences.rewards"),
    loss("chosen and rejected swapped", "(changes.unsqueeze(2), changes.unsqueeze(1))", "(changes.unsqueeze(1), changes.unsqueeze(2))"),
    loss("padding in pairs", " & preferences.mask.unsqueeze(1) & preferences.mask.unsqueeze(2)", ""),
    blocks("the gradient without its softmax", "matrix.back(probabilities)", "0 * matrix.back(probabilities)"),
    blocks("every row with the same weight", "gradients[0].unsqueeze(1) / ctx.temperature", "gradients[0].mean().expand(len(targets), 1) / ctx.temperature"),
    blocks("the gradient at another temperature", "gradients[0].unsqueeze(1) / ctx.temperature", "gradients[0].unsqueeze(1)"),
    blocks("the weight's gradient without its factors", "weight_gradient(slope.mul_(factors[part]), ", "weight_gradient(slope, "),
    In("app/training/policy/scores.py", "tests/training/test_grpo.py")("RLOO with the answer in its own baseline", " * (count / (count - 1))", ""),
    grpo("the deviation of a sample", "centered.square().mean(1, keepdim=True).sqrt()", "rewards.std(1, keepdim=True)"),
    grpo("equal scores blown up", "torch.where(deviation > FLAT, centered / deviation.clamp(min=FLAT), 0.0)", "centered / deviation"),
    grpo("RLOO without a KL penalty", "rollout.scores - kl_coef * torch", "rollout.scores - 0 * torch"),
    grpo("the penalty's sign turned round", "rollout.scores - kl_coef * torch", "rollout.scores + kl_coef * torch"),
    grpo("GRPO without a KL penalty", "loss = loss + self.controller.coef * masked_sum(k3, mask) / num_tokens", "pass"),
    grpo("GRPO's penalty by k1", "_, k3 = kl_estimates", "k3, _ = kl_estimates"),
    grpo("GRPO's penalty in RLOO, too", 'if self.hparams.baseline == "grpo":', "if True:"),
    grpo("advantages of other rows", "experience.advantages[rows, None]", "experience.advantages[sorted(rows, reverse=True), None]"),
    best("the worst of n", "max(places, key=lambda place: (scores[place], -place))", "min(places, key=lambda place: (scores[place], -place))"),
    best("the last of equals", "(scores[place], -place)", "(scores[place], place)"),
    best("answers without an end imitated", "enumerate(ended) if done", "enumerate(ended)"),
    best("the same random numbers for every part", "part_seed(hparams.seed, sampled.parts)", "part_seed(hparams.seed, 0)"),
    best("the start is trained itself", "policy = copy.deepcopy(initial)", "policy = initial"),
    In("app/training/best_of_n_state.py", "tests/training/test_best_of_n.py")("the fine-tuning begins anew after a crash", 'saved.get("fit")', "None"),
    best("the end learned twice", "group[best][:-1]", "group[best]"),
    drift("KL of the reference's answers", "sample_batch(policy,", "sample_batch(reference,"),
    drift("KL per token", "kl=total / len(written)", "kl=total / sum(map(len, written))"),
    handle_dpo("rankings not recorded", "ranking_ids=list(groups),", "ranking_ids=[],"),
    dpo("the first look kept, however far", "if not beyond and loss < run.best_loss:", "if loss < run.best_loss:"),
]  # fmt: skip
