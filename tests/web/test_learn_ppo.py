"""Two runs of PPO on Learn are compared where both have been, on one scale, and by the same prompts."""

from dataclasses import replace

from app.web.learn_ppo import Run, comparison, pictures, recorded_run, shared_answers, with_same_prompts


def test_scores_of_two_reward_models_are_not_on_one_scale() -> None:
    own, recorded = recorded_run("train_policy"), recorded_run("show_cheating")
    assert own is not None
    assert recorded is not None
    together = pictures(own, recorded)
    apart = pictures(replace(own, scored_by=7), recorded)
    assert [[each.style for each in picture.curves] for picture in together] == [[1, 2]]
    assert [[each.style for each in picture.curves] for picture in apart] == [[1], [2]]
    assert pictures(None, None) == []


def test_two_runs_are_compared_after_as_many_answers_as_both_tried() -> None:
    honest, cheat = recorded_run("train_policy"), recorded_run("show_cheating")
    assert honest is not None
    assert cheat is not None
    assert shared_answers(honest, cheat) == honest.tried == 768
    with_it, without = dict(honest.scores)[768], dict(cheat.scores)[768]
    said = comparison(honest, cheat)
    assert said.startswith("After 768 answers each")
    assert f"{with_it:.2f} with the penalty and {without:.2f} without" in said
    [picture] = pictures(honest, cheat)
    assert {curve.mark[0] for curve in picture.curves} == {picture.shared_x}
    assert [label for _x, label in picture.ticks_x] == ["0", "768", "1,536"]
    assert [label for _y, label in picture.ticks_y] == ["0.0", "1.5", "2.9"], "none over another"
    assert "after 768 answers, 2.56 at the end, after 1,536" in cheat.said(768)
    apart = replace(cheat, scored_by=7)
    assert (shared_answers(honest, apart), comparison(honest, apart)) == (None, "")
    odd = replace(cheat, scores=[(100 * at, 0.5) for at in range(1, 20)])
    assert comparison(honest, odd) == "", "never after the same number"


def test_examples_of_two_runs_answer_the_same_prompts() -> None:
    def ran(prompts: str) -> Run:
        examples = [{"prompt": each, "before": "", "after": prompts} for each in prompts]
        return Run(None, [(1, 0.0)], None, examples, 1)

    def asked(run: Run | None) -> str:
        return "".join(each["prompt"] for each in run.examples) if run else "none"

    assert [asked(each) for each in with_same_prompts(ran("edcb"), ran("abc"))] == ["bc", "bc"]
    assert [asked(each) for each in with_same_prompts(ran("abcd"), ran("e"))] == ["abc", "e"]
    assert [asked(each) for each in with_same_prompts(ran("ab"), None)] == ["ab", "none"]
