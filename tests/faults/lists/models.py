"""Kernels of inference, bounds of trained policies, memory: what a model is computed with and judged by."""

from tests.faults.fault import In

tiles = In("app/lm/kernels/tiles.py", "tests/lm/kernels/test_packed_linear.py")
packed_linear = In("app/lm/kernels/packed_linear.py", "tests/lm/kernels/test_packed_linear.py")
byte_tiles = In("app/lm/kernels/byte_tiles.py", "tests/lm/kernels/test_byte_tiles.py")
rounded_rows = In("app/lm/kernels/rounded_rows.py", "tests/lm/kernels/test_rounded_rows.py")
byte_weights = In("app/lm/kernels/byte_weights.py", "tests/lm/kernels/test_byte_weights.py")
byte_panels = In("app/lm/kernels/packed_linear.py", "tests/lm/kernels/test_byte_tiles.py")
precision = In("app/lm/precision.py", "tests/lm/test_precision.py")
kernels = In(
    "app/lm/kernels/elementwise.py",
    "tests/lm/kernels/test_elementwise.py",
    "tests/lm/inference/test_sampler.py",
)
choosing = In("app/lm/kernels/choosing.py", "tests/lm/inference/test_sampler.py")
attention = In("app/lm/kernels/cached_attention.py", "tests/lm/kernels/test_cached_attention.py")
strided = In("app/lm/kernels/strided_tiles.py", "tests/lm/kernels/test_cached_attention.py")
phases = In("app/lm/kernels/phases.py", "tests/lm/kernels/test_phases.py")
workspace = In("app/lm/inference/workspace.py", "tests/lm/inference/test_decoder.py")
products = In("app/lm/kernels/packed_linear.py", "tests/lm/test_products.py")
fused = In("app/lm/fused.py", "tests/lm/test_fused.py")
steps = In("app/lm/kernels/training_elementwise.py", "tests/lm/test_fused.py", "tests/training/test_linear_logprobs.py")
rows = In("app/lm/kernels/packed_attention.py", "tests/lm/test_fused.py")
rows_back = In("app/lm/kernels/packed_attention_backward.py", "tests/lm/test_fused.py")
blocks = In("app/lm/kernels/attention_blocks.py", "tests/lm/test_fused.py")
layer = In("app/lm/layer.py", "tests/lm/test_layer.py")
of_rows = In("app/lm/layer.py", "tests/training/test_other_families.py")
packing = In("app/training/packing.py", "tests/training/test_packing.py")
decoder = In("app/lm/inference/decoder.py", "tests/lm/inference/test_decoder.py")
linking = In("app/lm/kernels/linking.py", "tests/lm/kernels/test_linking.py")
kernel_cache = In("app/lm/kernels/cache.py", "tests/lm/kernels/test_cache.py")
text = In("app/lm/text/imported_tokenizer.py", "tests/lm/text/test_imported_tokenizer.py")
importing = In("app/lm/files/importing.py", "tests/lm/files/test_importing.py")
signs = In("app/training/text_signs.py", "tests/training/test_text_signs.py")
bounds = In("app/services/versions/bounds.py", "tests/services/versions/test_bounds.py")
need = In("app/model_info/memory_need.py", "tests/model_info/test_memory_need.py")
size = In("app/model_info/size.py", "tests/model_info/test_size.py")
machine = In("app/processes/machine.py", "tests/processes/test_machine.py")
evaluate = In("app/training/policy/comparison.py", "tests/training/test_evaluate.py")
handler = In("app/worker/handlers/watching.py", "tests/worker/handlers/test_watching.py")

FAULTS = [
    fused("a joined product without its bias", "out if bias is None else out.add_(bias)", "out"),
    blocks("a turned head's gradient turned the same way", "second[i] * cosine2[i] - first[i] * sine1[i]", "second[i] * cosine2[i] + first[i] * sine1[i]"),
    blocks("a gradient without the scale of its queries", "(first[i] * cosine1[i] + second[i] * sine2[i]) * scale", "(first[i] * cosine1[i] + second[i] * sine2[i])"),
    rows("one query head of a key's group", "range(index * share_, (index + 1) * share_)", "range(index * share_, index * share_ + 1)"),
    rows("the log of the sum without the highest score", "return most + np.float32(np.log(total))", "return np.float32(np.log(total))"),
    rows_back("keys' gradients of the first block alone", "multiply(seen, slopes, panels, count, count, grown[0], wide, True)", "multiply(seen, slopes, panels, count, count, grown[0], wide, first > 0 and False)"),
    steps("a norm's weights' gradient without the scale", "of_weight[i] += product", "of_weight[i] += product / scale"),
    kernels("what is no number becomes one", "held = min(max(number, LEAST), _MOST)", "held = min(max(number if number > LEAST else LEAST, LEAST), _MOST)", "tests/lm/test_fused.py"),
    of_rows("heads without their norms", "        if self.config.qk_norm:\n            query, key, value", "        if False:\n            query, key, value"),
    of_rows("positions in layers that have none", "Heads(queries, narrow, depth, self.rotated, *tables)", "Heads(queries, narrow, depth, True, *tables)"),
    packing("answers that do not see their prompt", "looked_at = torch.where(numbers > 0, prompt_ends, begins)", "looked_at = begins"),
    packing("answers that see the ones before", "torch.where(numbers > 0, prompt_ends, begins)", "torch.where(numbers > 0, starts, begins)"),
    packing("gradients added as the threads come", "states.index_select(0, places)", "states[places]"),
    fused("the parts' gradients exchanged", ".float().split(ctx.sizes)", ".float().flip(0).split(ctx.sizes)"),
    fused("the bias's gradient a mean", "slope.float().sum(0)", "slope.float().mean(0)"),
    products("the fp32 gradient of a weight of other outputs", "F.pad(matrix.detach(), (0, columns - self._outputs))", "F.pad(matrix.detach(), (columns - self._outputs, 0))"),
    steps("a norm's gradient without that of its scale", " - grown[i] * factor", ""),
    steps("the gate's gradient is its share", "turn = share_ * (ONE + number * (ONE - share_))", "turn = share_"),
    steps("entropy without its mean", "log_total - mean * per_total", "log_total"),
    rows("a token sees what follows it", "before + first + i + 1, whole)", "min(before + first + i + 2, seen), whole)"),
    rows("an answer forgets its prompt's values", "token = (span[0] if place < before else span[2] - before) + place\n        copy_wide", "token = span[2] + max(place - before, 0)\n        copy_wide"),
    rows_back("hidden tokens have a gradient", "if i >= hidden else ZERO", "if i >= -1 else ZERO"),
    rows_back("prompts get no gradient from answers", "                total[i] += part[i]", "                total[i] = part[i]"),
    rows_back("the scores' gradient without its mean", "line[i] * (slope[i] - deltas[i])", "line[i] * slope[i]"),
    packed_linear("a long sum begins anew at each part", "            if step == 0:\n                begin", "            if True:\n                begin"),
    packed_linear("the last tile is left out", "tokens * (place + 1) // tiles - first", "tokens * (place + 1) // (tiles + 1) - first"),
    packed_linear("the bias is left out", "self._bias[: self._outputs] = bias.detach()", "pass"),
    byte_tiles("every second block is left out", "(self.address(1), self.address(ROW_BYTES), self.address(PANEL_BYTES))", "(self.address(1), self.address(2 * ROW_BYTES), self.address(PANEL_BYTES))"),
    byte_tiles("blocks begin at zero, not at their least weight", "leasts[vector], total)", "leasts[vector], scale)"),
    byte_tiles("weights' scales are those of the first outputs", "builder.fmul(scales[vector], scale)", "builder.fmul(scales[0], scale)"),
    rounded_rows("numbers are cut, not rounded", "np.int32(np.rint(part[i] * inverse))", "np.int32(part[i] * inverse)"),
    rounded_rows("what is no number becomes nothing", "            if bits >= _INFINITE:\n", "            if False:\n"),
    rounded_rows("what was there before stays behind the last number", "for i in range(part.size, BLOCK):", "for i in range(BLOCK, BLOCK):"),
    byte_weights("missing inputs are further weights", 'mode="replicate")', 'mode="constant")'),
    byte_weights("embeddings have their first block's scale", "scales[panel, :, place][..., None]", "scales[panel, :1, place][..., None]"),
    byte_panels("long rows' later parts have the first part's weights", "weights = panel + panel_bytes(step, form)", "weights = panel + panel_bytes(0, form)"),
    decoder("norms are left out where they are not folded in", "norms if apart else", "torch.ones_like(norms) if apart else"),
    precision("small models in 8 bits, large ones whole", "parameters >= LARGE_PARAMETERS if", "parameters < LARGE_PARAMETERS if"),
    workspace("mixed values keep those of the former step", "yield from self._rounded(self._mixed_whole, self._mixed)", "yield from self._rounded(self._inner_whole, self._inner)"),
    kernels("a norm without its epsilon", "ONE / np.sqrt(total / np.float32(hidden) + epsilon)", "ONE / np.sqrt(total / np.float32(hidden))"),
    kernels("bf16 is cut, not rounded", "np.uint32(bits + _ROUNDING + odd)", "np.uint32(bits)"),
    choosing("a token without any weight is drawn", "        if running > wanted:\n            return token", "        if running >= wanted:\n            return token"),
    attention("the query is not scaled", "                head[i] *= scale\n", "                head[i] *= ONE\n"),
    attention("a token does not see itself", "[token] + 1\n    slots", "[token]\n    slots"),
    attention("queries beyond a tile's are left out", "for first in range(0, group, QUERIES):", "for first in range(0, min(group, QUERIES), QUERIES):"),
    attention("what was in the cache before is seen", "scores[slot] - most) if slot < seen else ZERO", "scores[slot] - most) if slot < seen + 1 else ZERO"),
    attention("keys are kept before they are turned", "        if phase[ROTATED]:\n", "        if phase[ROTATED] and index < queries:\n"),
    strided("the second query's weights are the first's", "for query, weight in enumerate(weights):", "for query, weight in enumerate(weights[:1] * len(weights)):"),
    phases("a phase begins before the one before it is done", "while finished(counter) < pieces:", "while finished(counter) < 0:"),
    phases("the last tokens of a chunk are left out", "tokens * (part + 1) // chunks", "tokens * (part + 1) // (chunks + 1)"),
    phases("values gate gates", "gate(gates, others, floats", "gate(others, gates, floats"),
    workspace("what is left from the former step is added", "self.more[: len(states)] = 0", "pass"),
    decoder("two threads compute in one workspace", "space = self._spare.pop()", "space = self._spare[-1]", "tests/lm/kernels/test_phases.py"),
    decoder("a workspace for one mode alone", "with torch.inference_mode(False):", "if True:", "tests/lm/kernels/test_phases.py"),
    linking("the linker chooses what a kernel calls", "function.linkage = Linkage.internal", "pass"),
    layer("chosen positions turned by the first angles", "self.turned(query, queries, asked)", "self.turned(query, queries, (angles[0][:, :, : at.shape[1]], angles[1][:, :, : at.shape[1]]))"),
    layer("the residual of the first positions", "states if at is None else gather_states(states, at)", "states if at is None else states[:, : at.shape[1]]"),
    layer("a norm's weights not folded in", "weight = weight * norm.weight.detach().float()", "pass"),
    layer("products without their biases", "part.bias.detach().float() for part in parts)) if biased else None", "part.bias.detach().float() for part in parts)) if False else None"),
    decoder("places are not checked", "        if rows.min() < 0", "        if False and rows.min() < 0"),
    decoder("the head without the last norm's weights", "dtype, scale=norm)", "dtype)"),
    kernel_cache("what was kept for other types is taken", "if found is None or found.signature.args == normalize_signature(sig)[0]:", "if True:"),
    kernel_cache("what was compiled of other sources is taken", ", SOURCES  #", ", None  #"),
    kernel_cache("damage in the store is an error", "with suppress(Exception):", "with suppress(FileNotFoundError):"),
    kernel_cache("damage in the store stays", "            self.flush()", "            pass"),
    kernel_cache("a full disk is an error", "        with suppress(OSError):\n            super()", "        with suppress(KeyError):\n            super()"),
    text("system text in other letters is moved", "!= written\n", "!= written and False\n"),
    In("app/model_info/model_names.py", "tests/model_info/test_model_names.py")("a snapshot is named by its hash", "_shown(_in_hub(resolved) or resolved.name)", "_shown(resolved.name)"),
    In("app/model_info/model_names.py", "tests/model_info/test_model_names.py")("a blob is named by its checksum", '(_in_hub(file) if file.parent.name == "blobs" else None) or ', ""),
    In("app/model_info/model_names.py", "tests/model_info/test_model_names.py")("a model's name holds who made it", 'rpartition("--")[2] or None', 'replace("--", "/") or None'),
    In("app/model_info/model_names.py", "tests/model_info/test_model_names.py")("any folder below the model's is the model", "if inside else (path,)", "if True else (path,)"),
    importing("an imported folder is named as it lies", "        name=folder_name(source),\n", "        name=source.resolve().name,\n"),
    In("app/services/lifecycle/installing.py", "tests/services/lifecycle/test_installing.py")("a model of FOURFOLD_MODEL_DIR is named as it lies", "folder_name(model_dir)", "model_dir.resolve().name"),
    importing("weights that are no numbers are taken", "if not bool(weight.isfinite().all()):", "if False:"),
    importing("answers that are no numbers are taken", "if not bool(model(torch.tensor([tokenizer.encode_conversation([PROBE])])).isfinite().all()):", "if False:"),
    importing("a context that holds no answer is taken", "if context < question + LEAST_ANSWER:", "if context < question:"),
    importing("the plain format is not written down", "        if plain:\n", "        if False:\n"),
    signs("marks are an answer", "return WORD.search(text) is None", "return not text.strip()"),
    signs("wide letters are another script", 'unicodedata.normalize("NFKC", text)', "text"),
    signs("a word in another script condemns", "answered.most_common(1)[0][0] not in asked", "bool(set(answered) - set(asked))"),
    signs("Japanese is two scripts", "ONE_SCRIPT.get(name, name)", "name"),
    handler("the reference's signs are the policy's", "read(after.answers), read(before.answers)", "read(after.answers), read(after.answers)"),
    handler("prompts to validate on are trained on, too", "return Divided(tokens[:-count],", "return Divided(tokens,"),
    bounds("a bound on the wrong side", "if (here - there - by) * by > 0:", "if here - there - by > 0:"),
    bounds("an evaluation forgets the training's flags", "        *training_flags(measured(metrics)),\n", ""),
    need("only the policy's answers are written side by side", "return max(of_batch, hparams.validation_prompts * hparams.validation_samples)", "return of_batch", "tests/services/jobs/test_start_plan.py"),
    need("the SFT model's answers take no memory", ", hparams.own_samples)", ")", "tests/services/jobs/test_start_plan.py"),
    need("the optimizer is not counted", "trained=3 * FP32 * layers.trained", "trained=FP32 * layers.trained"),
    need("fp32 products take no more activations", "* product_bytes // 2", ""),
    need("just enough is too little", "self.total <= available", "self.total < available"),
    size("the rate has no floor", "min(max(LEARNING_RATE * SHIPPED_LAYER_PARAMETERS / layers, lowest), highest)", "min(LEARNING_RATE * SHIPPED_LAYER_PARAMETERS / layers, highest)"),
    size("biases are not counted", "return matrices + biases + norms", "return matrices + norms"),
    size("every layer may be frozen", "min(frozen, config.num_hidden_layers - 1)", "min(frozen, config.num_hidden_layers)"),
    machine("the innermost group alone counts", "range(len(parts), -1, -1)", "range(len(parts), len(parts) - 1, -1)"),
    machine("what was freed is kept", "    if trim is not None:\n", "    if trim is None:\n"),
    machine("free memory below nothing", "max(0, min(free)) if free", "min(free) if free"),
    evaluate("answers fit if the neighbour's question fits", "fits = ref.sum(-1) >", "fits = ref.sum(-1) <"),
    evaluate("the policy's entropy is the reference's", "-torch.tensor(after.logprob).sum()", "-torch.tensor(after.ref_logprob).sum()"),
    evaluate("beyond the mean, not the best", "(scores > ref_scores.max())", "(scores > ref_scores.mean())"),
]  # fmt: skip
