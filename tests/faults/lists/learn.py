"""Faults of the chapters of Learn and of what they show of the model."""

from tests.faults.fault import In

weights = In("app/lm/inference/attention_weights.py", "tests/lm/inference/test_attention_weights.py")
heads = In("app/lm/inference/decoder.py", "tests/lm/inference/test_attention_weights.py")
fit = In("app/web/learn_fit.py", "tests/web/test_learn.py")
data = In("app/web/learn_data.py", "tests/web/test_learn.py")
preferences = In("app/web/learn_preferences.py", "tests/web/test_learn.py")
ppo = In("app/web/learn_ppo.py", "tests/web/test_learn_ppo.py")
ppo_page = In("app/web/learn_ppo.py", "tests/web/test_learn.py")
inside = In("app/web/learn_inside.py", "tests/web/test_learn.py")
chapter = In("app/web/learn_chapter.py", "tests/web/test_learn.py")
more = In("static/js/more_pages.js", "tests/browser/test_navigation.py")
script = In("static/js/learn.js", "tests/browser/test_learn.py")

costs = In("app/web/learn_costs.py", "tests/web/test_learn.py")

FAULTS = [
    ppo("two reward models' scores on one scale", "honest.scored_by != cheat.scored_by", "False"),
    ppo(
        "the ends of two runs compared",
        "max(dict(honest.scores).keys() & dict(cheat.scores).keys(), default=None)",
        "cheat.tried",
    ),
    ppo("examples of other prompts side by side", "    if both:\n", "    if False:\n"),
    inside("the map opens beside improper requests", "        return -1\n", "        pass\n"),
    chapter("a cut answer stands as if it were whole", 'if answer.finish_reason == "length"', "if False"),
    costs(
        "withdrawn rankings are counted",
        "count_rankings(session).total",
        "session.query(__import__('app.db.models.rankings').db.models.rankings.Ranking).count()",
    ),
    costs(
        "what cost nothing is a power of ten",
        "exponential(sum(counts)) if any(counts)",
        "exponential(sum(counts)) if True",
    ),
    costs("best of n tried an answer for a prompt", "hparams.num_prompts * hparams.num_answers", "hparams.num_prompts"),
    costs("an answer tried for each step of DPO", 'return 0 if job.kind == "train_dpo" else int', "return int"),
    weights("attention without its scale", "* queries.shape[-1] ** -0.5", "* 1.0"),
    weights("the first token's attention for any", "queries[:, -1:]", "queries[:, :1]"),
    weights("query heads read another head's keys", "keys.repeat_interleave(share, dim=0)", "keys.repeat(share, 1, 1)"),
    heads(
        "attention is told without positions",
        "            turned = rotate(turned, self",
        "            rotate(turned, self",
    ),
    heads(
        "attention is told without the norms of heads",
        "        if weights.head_norms.numel():\n            heads = F.rms_norm",
        "        if False:\n            heads = F.rms_norm",
    ),
    fit(
        "behind the best is called underfit",
        '"underfit" if at < best else "overfit"',
        '"underfit" if at != best else "overfit"',
    ),
    data("what was never looked at was dropped", "dropped=sum(cleaning[", "dropped=158_000 or sum(cleaning["),
    preferences("a tie is a win", "ranks[one] == ranks[other]))", "False))"),
    preferences(
        "an order turned around",
        "if ranks[one] <= ranks[other] else (other, one)",
        "if ranks[one] > ranks[other] else (other, one)",
    ),
    preferences("words left out of an answer", '|\\s+")', '")'),
    ppo_page(
        "a recorded run in the place of one's own",
        "(newest_run(session, kind) or recorded_run(kind) for",
        "(recorded_run(kind) or newest_run(session, kind) for",
    ),
    inside("attention of the first head for the mean", "sum(head[at] for head in layer) / len(layer)", "layer[0][at]"),
    inside("the farthest for the nearest", "key=distance)[:NEAR]", "key=distance)[-NEAR:]"),
    chapter(
        "a busy model takes the chapter away", "    except AppError as error:", "    except ZeroDivisionError as error:"
    ),
    chapter("a page waits until the model is open", "    if not ready:\n        return Tried(later=True)\n", ""),
    chapter("a piece is fetched for ever", "return wanted.waits or all(", "return all("),
    more("Escape leaves it open", "    event.stopPropagation();\n    close();", "    event.stopPropagation();"),
    more("a tap beside it leaves it open", "if (!more.contains(event.target)) close();", "if (false) close();"),
    script("the map takes the farthest point", "away(link) < away(best)", "away(link) > away(best)"),
    script(
        "the address does not keep what was asked", '  history.replaceState(history.state, "", told.address);\n', ""
    ),
]
