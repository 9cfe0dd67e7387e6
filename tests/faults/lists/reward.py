"""The reward model: what it learns from, its head, its scores, its report."""

from tests.faults.fault import In

MODEL = "tests/training/reward/test_trainer.py"
DATA = "tests/training/reward/test_data.py"
HEAD = "tests/training/reward/test_head.py"
PAIR_LOSS = "tests/training/reward/test_pair_loss.py"
AHEAD = "tests/training/reward/test_reading_ahead.py"
WIRING = "tests/worker/handlers/test_wiring.py"

model = In("app/training/reward/trainer.py", DATA, MODEL)
data = In("app/training/reward/data.py", DATA, MODEL)
folds = In("app/training/reward/folds.py", "tests/training/reward/test_folds.py")
validation = In("app/training/reward/validation.py", "tests/training/reward/test_validation.py")
influence = In("app/training/reward/influence.py", "tests/training/reward/test_influence.py")
choice = In("app/training/reward/choice.py", "tests/training/reward/test_choice.py")
reading = In("app/training/reward/reading.py", "tests/training/reward/test_reading.py")
columns = In("app/training/reward/columns.py", "tests/training/reward/test_columns.py")
preference = In("app/training/reward/preference_scorer.py", "tests/training/reward/test_preference_scorer.py")
files = In("app/training/reward/scorer_files.py", "tests/training/reward/test_scorer_files.py")
head = In("app/training/reward/head.py", HEAD)
curvature = In("app/training/reward/curvature.py", "tests/training/reward/test_curvature.py")
network = In("app/training/reward/network.py", DATA, MODEL)
scoring = In("app/training/reward/scoring.py", "tests/training/reward/test_scoring.py")
packing = In("app/training/packing.py", MODEL)
report = In("app/training/reward/report.py", DATA, MODEL)
pair_loss = In("app/training/reward/pair_loss.py", PAIR_LOSS)
pooling = In("app/training/reward/pooling_layer.py", HEAD)
ends = In("app/lm/text/end_tokens.py", DATA, MODEL)
scorer = In("app/training/reward/scorer.py", "tests/training/reward/test_scorer.py")

list_loss = In("app/training/reward/list_loss.py", "tests/training/reward/test_list_loss.py")
handler = In("app/worker/handlers/train_reward.py", WIRING)
words = In("app/training/reward/words.py", "tests/training/reward/test_words.py")
layout = In("app/training/reward/layout.py", "tests/training/reward/test_layout.py")
rare_words = In("app/training/reward/rare_words.py", "tests/training/reward/test_rare_words.py")
references = In("app/training/reward/references.py", "tests/training/reward/test_references.py")
kept = In("app/training/reward/kept_readings.py", "tests/training/reward/test_kept_readings.py")
ahead = In("app/training/reward/reading_ahead.py", AHEAD)
opened_ahead = In("app/lm/inference/ahead.py", "tests/lm/inference/test_ahead.py")
engine = In("app/lm/inference/engine.py", "tests/lm/inference/test_ahead.py")
reads = In("app/services/sampling/reading_ahead.py", "tests/services/sampling/test_reading_ahead.py")
sentences = In("app/training/reward/sentences.py", "tests/training/reward/test_sentences.py")

FAULTS = [
    layout("items wherever they stand", "sum(bool(of_kind(line)) for line in lines) for of_kind in kinds", "sum(body.count(mark) for mark in '-1#'[at]) for at, _ in enumerate(kinds)"),
    layout("Chinese marks are others", "sum(map(body.count, marks)) for marks in MARKS.values()", "body.count(marks[0]) for marks in MARKS.values()"),
    layout("space around a text counts", "body = text.strip()", "body = text"),
    layout("what it ends with unseen", 'first, last = body[:1], body[-1:]', 'first, last = body[:1], ""'),
    reading("the layout is the question's", "layout_of(self.words.text(said))", "layout_of(self.words.text(row[0]))"),
    reading("the end mark is laid out, too", "said = row[1][:-1]", "said = row[1]"),
    kept("another way of laying out taken for the same", "for module in (layout, reading,", "for module in (reading,"),
    columns("the layout counts nothing", '"shape", "layout", "references",', '"shape", "references",'),
    kept("another prompt's reading taken", "json.dumps([list(prompt), list(answer)])", "json.dumps([list(answer)])"),
    kept("what was read before is read again", "if key not in self._kept}", "}"),
    preference("deviations that count the means as known", "int((counts - 1).sum()) or len(values)", "len(values)"),
    columns("lone answers counted as equal ones", "several = counts[prompts] > 1", "several = counts[prompts] > 0"),
    head("the objective pulled to nothing and not to the belief", "(precisions * (at - center).square()).sum() / 2", "(precisions * at.square()).sum() / 2"),
    list_loss("answers that are gone chosen again", "left -= chosen", "left -= 0 * chosen"),
    list_loss("a tie as strong as its answers together", "inside.double() / sizes.unsqueeze(1)", "inside.double()"),
    list_loss("as many ties expected as there may be", "strengths * counts / expected", "strengths * expected / expected"),
    list_loss("curvature of the sum and not of its spread", "seconds - mean.unsqueeze(2) * mean.unsqueeze(1)", "seconds"),
    list_loss("all stages though the best was asked for", "[: 1 if of_the_best else None]", "[:]"),
    handler("readings not kept", "        reader.keep()\n", ""),
    kept("another model's readings taken", "way = [content_hash, ", "way = ["),
    kept("another way of reading taken for the same", "sorted(reader.stops)", "[]"),
    kept("damaged readings taken", 'if described["digest"] != _digest(described["keys"], tensors):', "if False:"),
    kept("a file without bounds", "if size > MOST_BYTES:", "if False:"),
    kept("what was not asked for stays", "for key in self._asked:", "for key in self._kept:"),
    kept("what was read ahead is not taken", "self._kept.update(piece)", "pass", AHEAD),
    ahead("what was kept is read again", "self._known |= self._read.keys()", "pass"),
    kept("pieces go before they were asked for", "if keys.issubset(chosen):", "if True:", AHEAD),
    kept("pieces go that had no room", "if keys.issubset(chosen):", "if keys.issubset(self._asked):", AHEAD),
    kept("pieces stay when all was asked for", "if keys.issubset(chosen):", "if False:", AHEAD),
    ahead("an answer is read though somebody waits", "if not go_on():", "if not go_on() and False:"),
    ahead("what a training kept is read ahead again", "key not in self._known and ", ""),
    ahead("what was read before the interruption is read again", " and key not in self._read:", ":"),
    ahead("answers that do not fit are read", " if len(self._tokenizer.ends.as_written(ids)) <= room]", "]"),
    opened_ahead("it reads with weights in 8 bits", "if policy.decoder.weights != policy.decoder.dtype:", "if False:"),
    opened_ahead("it opens a version to read ahead", "if not self._models.is_loaded(version_id):", "if False:"),
    opened_ahead("another content's reader", " or ahead.content_hash != content_hash:", ":"),
    engine("it reads while answers are written", "lambda: self._closed or not (self._jobs or self._lanes)", "lambda: True"),
    reads("read ahead beside a training", "Job.kind == READS", "Job.kind == ''"),
    reads("expired cards are read", "Group.status.in_(MAY_BE_RANKED), ", ""),
    reads("what was read outlives its group", "if path.name not in names:", "if False:"),
    reads("it takes as much of the processor as pages", "own + niceness", "own"),
    reads("read again and again", "            self._done.add((content, group.name))\n", ""),
    sentences("two stops end two sentences", "and (place + 1 == last or answer[place + 1] not in stops)", ""),
    sentences("the least of a sentence is its mean", "own.amin()", "own.mean()"),
    pair_loss("Rao and Kupper without their threshold", "softplus(wide - margins), softplus(wide + margins)", "softplus(-margins), softplus(margins)"),
    head("the prior's mean not in the evidence", "prior.sums((weights - prior.means).square())", "prior.sums(weights.square())"),
    columns("components of what differs between prompts", "apart, most = within_prompts(features, places)", "apart, most = features - mean"),
    columns("nothing believed before any ranking", 'BELIEVED = {"plausible": 1.0,', 'BELIEVED = {"plausible": 0.0,'),
    preference("deviations as wide as between prompts", "min(1.0, apart / whole) if apart > LEAST_SPREAD else 1.0", "1.0"),
    folds("a fold learns from what it holds out", "sorted(everything.difference(held_out))", "sorted(everything)"),
    folds("the judge learns with what it judges", "if prompt not in judging]", "]"),
    choice("what was taken teaches as if it were new", "self._covariance - across @", "self._covariance - 0.0 * across @"),
    choice("what the ranking itself adds is left out of its gain", "torch.linalg.solve(grown, curvature @ (told", "(curvature @ (told"),
    choice("usual groups count by their number", "/ len(usual) ** 0.5", ""),
    choice("usual groups count whatever the margin", "curvature.sqrt().unsqueeze(1)", "1.0"),
    influence("better and worse are taken for each other", "before - _losses(data, judging, weights_without", "_losses(data, judging, weights_without"),
    influence("the curvature keeps the ranking that is left out", "- curvatures @ spread", "- 0.0 * curvatures @ spread"),
    influence("the ranking is learned twice in place of not at all", "learned.mean + (solved * steps)", "learned.mean - (solved * steps)"),
    influence("judged by what the fold learned from", "judging = data.compared(fold.held_out)", "judging = data.compared(fold.rows)"),
    influence("an error that is none of a mean", "math.sqrt(variance / count)", "math.sqrt(variance)"),
    influence("effects go to other rankings", "self._sums[:, rows] +=", "self._sums[:, first : first + len(rows)] +="),
    validation("a surprise belongs to another ranking", "so_far.surprises[row] = loss", "so_far.surprises[row - 1] = loss"),
    validation("a fold judged on its training rows", "unseen = data.judged(learned.mean, fold.held_out)", "unseen = data.judged(learned.mean, fold.rows)"),
    validation("a fold's weights from all rows", "learn(data.likelihood.of(rows), prior", "learn(data.likelihood, prior"),
    validation("a learning curve says how many the largest fold has", "round(sum(self.counts[share]) / len(self.counts[share]))", "max(self.counts[share])"),
    validation("what told nothing apart stands in the learning curve", "if accuracy == accuracy:", "if True:"),
    validation("other penalties are tried on all folds", "if number < looked_at:", "if True:"),
    validation("a learning curve of all rankings", "fold.rows[: max(1, round(share * len(fold.rows)))]", "fold.rows"),
    model("nothing moves while answers are read", "READ_AT_ONCE = 32 ", "READ_AT_ONCE = 256 ", f"{MODEL}::test_progress_moves_while_answers_are_read"),
    model("the kept weights of a part", "whole = checked(learn(data.likelihood, prior))", "whole = checked(learn(data.likelihood.of(split.rows), prior))", DATA),
    model("a policy is trained by what judges it", '"optimized": split.rows, "judge": split.held_out', '"optimized": split.held_out, "judge": split.rows', DATA),
    head("no prior in the gradient", "terms.slope() + precisions * (weights - center)", "terms.slope()"),
    head("more answers weigh as their pairs", "(mask.sum(1) - 1).double() / counts", "torch.ones(len(mask)).double() + 0 * counts"),
    head("evidence without its Occam factor", "log_prior - rankings.loss(weights) - occam", "log_prior - rankings.loss(weights)"),
    head("weights that nothing determines counted", "prior.sums(curvature.determined())", "prior.sums(0 * each + 1)"),
    curvature("by rows one prior for all", "turned = right * root", "turned = right"),
    curvature("by rows the prior's determinant left out", "float(self.precisions.log().sum()) + 2.0", "2.0"),
    curvature("by rows what the rankings tell left out", "self._scaled.T @ torch.cholesky_solve(self._scaled @ turned, self._inner)", "0 * turned"),
    curvature("rows count as themselves and not as the likelihood weighs them", "squares.clamp(min=0).sqrt()", "squares.clamp(min=0)"),
    curvature("columns although rows are fewer", "<= FEW * self.rows.shape[2]", "< 0"),
    head("all compared though the best was asked for", "if of_the_best:", "if False:"),
    preference("deviations of the prior mean", "spread * self.within / self.scale", "spread * 0 + 1"),
    preference("scores between prompts set the scale", "scale = spread_within(raw, own)", "scale = float(raw.std())"),
    preference("scores not centred", "columns * self.mean).sum(1) - self.shift)", "columns * self.mean).sum(1))"),
    reading("the answer alone read behind its prompt", "[(self.blank, answer) for _, answer in part]", "list(part)"),
    reading("the token's own state predicts it", "torch.cat([first, top[:-1]])", "top"),
    reading("answers of other prompts taken for the same", "distinct = sorted(set(rows)", "distinct = sorted({row[1]: row for row in rows}.values()"),
    columns("length without bumps", "torch.cat([torch.exp(-0.5 * ((log_length", "torch.cat([0 * torch.exp(-0.5 * ((log_length"),
    columns("nonsense scored by a straight line", "columns._scalings[block] = scaling.bounded(made[block])", "columns._scalings[block] = scaling"),
    columns("columns cut off", "columns / beyond * (1.0 + beyond.log())", "columns / beyond"),
    columns("components not centred", "self._sums(features - self.mean)", "self._sums(features)"),
    files("another SFT model reads", 'if content_hash(sft) != described["reads_with"]["content_hash"]:', "if False:"),
    files("all heads are the whole one", 'name.removeprefix(f"{part}.")', 'name.removeprefix(f"whole.")'),
    folds("folds by ranking, not by prompt", "for i, prompt in enumerate(prompt_ids) if fold_of[prompt] == fold]", "for i, prompt in enumerate(prompt_ids) if i % count == fold]"),
    folds("folds that no seed moves", 'f"{seed}:{prompt}"', 'f"{prompt}"'),
    folds("one fold too few", "max(2, round(1.0 / held_out_fraction))", "max(2, round(1.0 / held_out_fraction) - 1)"),
    folds("every fold solved though there are too many rankings", "folds = folds[:1]", "folds = folds[:]"),
    model("ties not counted", '"num_ties": on_all.num_ties', '"num_ties": 0'),
    model("scores normalized on the rankings' own answers", "samples = [pair for pair in normalization if pair[1]] or answers", "samples = answers"),
    data("the ties' share not used", "share = float(ties.sum() / pairs.sum().clamp(min=1))", "share = 0.0"),
    data("ranks turned round", "torch.tensor(group.ranks)", "-torch.tensor(group.ranks)"),
    data("ranks of answers that are not there", "torch.arange(most) < torch.tensor", "torch.arange(most) <= torch.tensor", DATA),
    head("ties counted as orders", "torch.sign(ranks[ranking, second] - ranks[ranking, first])", "torch.sign(ranks[ranking, second] - ranks[ranking, first] + 0.5)"),
    pair_loss("ties missing in the normalizer", "z = up + down + self.tie_strength", "z = up + down"),
    pair_loss("the worse answer preferred", "(up - down) / z - outcomes", "(up - down) / z + outcomes"),
    head("a part that is everything", "rows = torch.tensor(list(rankings), dtype=torch.int64)", "rows = torch.arange(len(self.apart))"),
    curvature("answers that are not there count", "left, right = left[mask.flatten()], right[mask.flatten()]", "left, right = left[:1], right[:1]"),
    head("a pair's answers do not pull apart", "(self.first, self.second, -1),", "(self.first, self.second, 1),"),
    head("steps never shortened", "share > 1e-4 and", "False and"),
    network("scores read without the prompt", "pack([prompt], [[written]]", "pack([prompt[:1]], [[written]]", DATA),
    scoring("scores of the answers in another order", "return [[next(each) for _ in group] for group in answers]", "return [[next(each) for _ in group][::-1] for group in answers]"),
    network("answers of other prompts taken for the same", "key = (len(prompt), *prompt, *written)", "key = tuple(written)", DATA),
    network("the score at the token before the last", "packed, packed.last_index)", "packed, (packed.last_index - 1).clamp(min=0))"),
    ends("what follows the end is read", "return [*tokens[:stop], self.written]", "return [*tokens, self.written]"),
    ends("no end where it is missing", "return [*tokens[:stop], self.written]", "return [*tokens[:stop]] or [self.written]"),
    network("the mean not taken off", "centered = weight - old_mean * constant", "centered = weight"),
    network("the deviation not set to one", "scale = 1.0 / deviation if", "scale = torch.ones(()) if"),
    network("a head that no seed decides", "generator=torch.Generator().manual_seed(seed))", "generator=None)", DATA),
    network("the highest layers instead of the lowest", "weights[name].clone()", 'weights[name.replace(".layers.0.", f".layers.{sft.config.num_hidden_layers - 1}.")].clone()', DATA),
    packing("more padded tokens than the limit", "lengths[index] * (len(batch) + 1) > limit", "lengths[index] * len(batch) > limit"),
    report("equal scores count as right", "+ 0.5 * (margins == 0)", "+ 1.0 * (margins == 0)"),
    report("equal scores count as wrong", "+ 0.5 * (margins == 0)", "+ 0.0 * (margins == 0)"),
    report("ties among the comparisons", "strict = pairs & (sign != 0)", "strict = pairs"),
    report("pairs of answers that are not there", "pairs = pair_mask(mask)  # [B,K,K]", "pairs = pair_mask(mask | True)", DATA),
    report("margins turned round", "(scores.unsqueeze(2) - scores.unsqueeze(1)) * sign", "(scores.unsqueeze(1) - scores.unsqueeze(2)) * sign"),
    report("the error over pairs, not over rankings", "shares.std() / math.sqrt(len(shares))", "shares.std() / math.sqrt(len(self.margin))", DATA),
    report("calibration not weighted", "abs(stated - right) * count for", "abs(stated - right) for"),
    report("overfit at any gap", "train - held_out > OVERFIT_GAP", "train - held_out > 0"),
    report("underfit never told", "train < UNDERFIT_BELOW", "train < 0"),
    report("training figures told as held-out ones", '"held_out_accuracy": held_out.accuracy', '"held_out_accuracy": train.accuracy', DATA),
    pair_loss("ties broken", "better = torch.sign(ranks.unsqueeze(1) - ranks.unsqueeze(2))", "better = torch.sign(ranks.unsqueeze(1) - ranks.unsqueeze(2) + 0.5)"),
    pair_loss("the rank's direction", "return log_z - outcomes * half", "return log_z + outcomes * half"),
    pair_loss("the tie's strength left out", "if self.tie_strength > 0:", "if self.tie_strength > 9:"),
    pair_loss("a curvature that is none", "return slope / 2, curvature / 4", "return slope / 2, curvature / 2"),
    pair_loss("the slope differentiated once", "grad(lambda at: slope(at).sum())(margins)", "slope(margins)"),
    pair_loss("comparisons that do not weigh", "(weights * self.value(at, outcomes)).sum()", "self.value(at, outcomes).sum()"),
    pair_loss("pairs counted twice", "return both.triu(diagonal=1)", "return both"),
    pair_loss("rankings weigh by their pairs", "return total / pairs.sum((1, 2)).clamp(min=1)", "return total"),
    ends("an end that is not the written one not known", "tokens[-1] in self.all", "tokens[-1] == self.written", "tests/training/ppo/test_trainer.py"),
    ends("an answer cut at its written end only", "if token in self.all)", "if token == self.written)"),
    pooling("the length's head looks nowhere", "end * logit * math.sqrt(depth) / stretch", "end * 0.0"),
    pooling("prompts left out of the averages", "seen = (packed.segments == 0) | (packed.segments == k + 1)", "seen = packed.segments == k + 1", DATA),
    scorer("the scorer reads the last message only", "tokenizer.encode_answered(messages, answer)", "tokenizer.encode_answered(messages[-1:], answer)"),
    scorer("the scorer's answers without their last token", "return ids[:cut], ids[cut:]", "return ids[:cut], ids[cut:-2]"),
    scorer("the scorer's scores in another order", "zip(scores.tolist(), deviations.tolist(), strict=True)", "zip(sorted(scores.tolist()), deviations.tolist(), strict=True)"),
    words("a word in capitals is another", "text.casefold()", "text"),
    words("characters that follow one another are no word", "words.update(said, (first + second for first, second in pairwise(said)))", "words.update(said)"),
    rare_words("every word tells as much", "present[places] = self.rarity[places]", "present[places] = 1.0"),
    rare_words("the share that any reference has is that of the last", "own[torch.isin(words, told)]", "own[torch.isin(words, told[places == places.max()])]"),
    rare_words("a word that is not there is the one behind it", "torch.where(known, places, len(self.vocabulary))", "places"),
    references("references by chance", "ends.all, seed_of(prompt))", "ends.all, torch.seed() % 2**31)"),
    references("a prompt's references are sampled again", "if prompt not in self._known]", "]"),
    references("references as long as the context", "min(MOST_TOKENS, self._context - len(prompt))", "self._context - len(prompt)"),
    references("prompts are remembered for ever", "if len(self._known) + len(missing) > REMEMBERED:", "if False:"),
    reading("references to no prompt", "[row[0] for row in distinct]", "[self.blank for row in distinct]"),
    files("a token is always a word", 'Words() if described["words"] == TOKENS else Words.of_tokenizer(read_tokenizer(directory))', "Words.of_tokenizer(read_tokenizer(directory))"),
    columns("the columns of what was fitted are others", "            made[block] = scaling.of(features)\n", "            made[block] = scaling.of(features.flip(0))\n"),
]  # fmt: skip
