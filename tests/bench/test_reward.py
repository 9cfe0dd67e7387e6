"""The bench of reward models: a small run from sampling to the table, and rankings that are what they say."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from app.hparams import RewardHparams
from app.layout import SFT_MODEL
from app.lm.files.checkpoint import load_model, read_tokenizer
from app.simulation.questions import on_topic, question_of
from app.training.context import drain
from app.training.reward.data import RankedGroup
from app.training.reward.reading import Reader
from app.training.reward.scoring import score_answers
from app.training.reward.trainer import train_reward_model
from bench import foils, reward
from bench.peer import pairs_of
from bench.pools import Group, PoolSettings, load_pool, prompts_of
from bench.report import reward_rows
from tests.training.tiny import NoContext

PROMPTS = ["What is a volcano?", "What is a rainbow?", "什么是火山？", "什么是玻璃？"]
VOLCANO = "A volcano is a mountain that can throw out melted rock and ash."
RAINBOW = "A rainbow is a band of colours that sunlight makes in drops of water."
ANSWERS = [
    [VOLCANO, "Happy to help! It is a hill. It is hot.", "No.", "Yes. So."],
    [RAINBOW, "Red is it.", "Rain. Sun. Rain.", "A bow."],
    ["火山是山。山很高。", "火山。", "热的山。很热。", "山。"],
    ["玻璃是一种透明的硬材料。玻璃容易碎。", "玻璃。", "硬。", "透明。很硬。"],
]


def groups() -> list[Group]:
    tokenizer = read_tokenizer(SFT_MODEL)
    return [
        Group(
            prompt,
            "train" if place % 2 == 0 else "held_out",
            tokenizer.encode_conversation([{"role": "user", "content": prompt}]),
            answers,
            [[*tokenizer.encode(text), tokenizer.end_id] for text in answers],
        )
        for place, (prompt, answers) in enumerate(zip(PROMPTS, ANSWERS, strict=True))
    ]


def test_a_small_run_writes_figures_from_which_the_table_is_made(tmp_path: Path) -> None:
    out = tmp_path / "reward.json"
    reward.main(
        folder=tmp_path, families="brief,relevant", rankings="4", flips="0,0.25", seeds=1,
        prompts="12,8", out=out,
    )  # fmt: skip
    runs = json.loads(out.read_text())["runs"]
    assert [(run["case"], run["flips"]) for run in runs[::2]] == [
        ("brief", 0.0),
        ("relevant", 0.0),
        ("relevant, foils", 0.0),
    ]
    for run in runs:
        assert 0 <= run["right"] <= 1
        assert run["ceiling"] == 1 if run["flips"] == 0 else 0.6 < run["ceiling"] < 0.9
        assert run["of_ceiling"] == pytest.approx(run["agreement"] / run["ceiling"])
    assert any("relevant, foils" in row for row in reward_rows(json.loads(out.read_text())))
    assert len(list(tmp_path.glob("pool-*.json"))) == 1


def test_a_pool_is_sampled_once_and_is_the_same_for_its_seed(tmp_path: Path) -> None:
    small = PoolSettings(train=2, held_out=2, answers=2, max_tokens=6)
    first = load_pool(tmp_path, small)
    kept = next(tmp_path.glob("pool-*.json"))
    kept.write_text(kept.read_text().replace(first[0].prompt, "changed"))
    assert load_pool(tmp_path, small)[0].prompt == "changed"
    assert load_pool(tmp_path / "other", small) == first
    assert [group.split for group in first] == ["train", "train", "held_out", "held_out"]


def test_fresh_prompts_of_topics_are_distinct_and_keep_to_their_split() -> None:
    settings = PoolSettings(topics=("howto",))
    train, held_out = (prompts_of(split, 60, settings) for split in ("train", "held_out"))
    assert len({*train, *held_out}) == 120
    assert {question_of(prompt).topic for prompt in train + held_out} == {"howto"}


def test_rankings_follow_the_taste_and_are_the_same_for_their_seed() -> None:
    case = reward.case_of("brief", groups(), "", read_tokenizer(SFT_MODEL))
    assert [len(case.train), len(case.held_out)] == [2, 2]
    ranked = reward.rankings_of(case, 2, 0.0, seed=3)
    assert ranked == reward.rankings_of(case, 2, 0.0, seed=3)
    for one in ranked:
        utilities = case.train_utilities[one.prompt_id]
        assert one.ranks[utilities.index(max(utilities))] == 1
    with pytest.raises(ValueError, match="2 prompts"):
        reward.rankings_of(case, 3, 0.0, seed=3)


def test_a_perfect_scorer_is_at_its_ceiling_with_any_noise() -> None:
    case = reward.case_of("brief", groups(), "", read_tokenizer(SFT_MODEL))
    for flips in (0.0, 0.25):
        judged = reward.judged(case, case.held_out_utilities, flips, seed=0)
        assert (judged["right"], judged["of_ceiling"]) == (1.0, 1.0)
        backwards = [[-utility for utility in row] for row in case.held_out_utilities]
        assert reward.judged(case, backwards, flips, seed=0)["right"] == 0.0


def test_foils_keep_half_of_the_answers_and_their_tokens_fit_their_texts() -> None:
    tokenizer = read_tokenizer(SFT_MODEL)
    for name, foil in foils.FOILS.items():
        for before, after in zip(groups(), foil(groups(), tokenizer, Random(1)), strict=True):
            assert len(after.texts) == 4
            assert len(set(before.texts) & set(after.texts)) >= 2, name
            assert [tokenizer.decode(ids) for ids in after.answers] == after.texts


def test_answers_to_other_prompts_are_off_topic() -> None:
    tokenizer = read_tokenizer(SFT_MODEL)
    group = foils.other_prompts(groups(), tokenizer, Random(1))[0]
    foreign = [text for text in group.texts if text not in ANSWERS[0]]
    assert foreign
    assert not any(on_topic(question_of(group.prompt), text) for text in foreign)


def test_the_peer_reads_the_pairs_that_rankings_decide() -> None:
    ends = read_tokenizer(SFT_MODEL).ends
    ranking = RankedGroup(0, [5], [[6, ends.written], [7], [8]], [2, 1, 2])
    best = [5, 7, ends.written]
    assert pairs_of([ranking], ends) == [(best, [5, 6, ends.written]), (best, [5, 8, ends.written])]


def test_answers_are_read_once_in_a_whole_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    sft, tokenizer = load_model(SFT_MODEL)
    reader = reward.KeptReader(sft, groups()[0].prompt_tokens[:1], frozenset())
    asked = [(groups()[0].prompt_tokens, answer) for answer in groups()[0].answers]
    first = reader.read(asked, tokenizer.ends)
    fresh = Reader(sft, reader.blank, reader.stops).read(asked, tokenizer.ends)
    for kept, read in zip(first, fresh, strict=True):
        assert all(torch.equal(kept[name], read[name]) for name in read)
    monkeypatch.setattr(reader, "_passes", lambda _: pytest.fail("read again"))
    assert reader.read(asked[::-1], tokenizer.ends)[::-1] == first


def test_the_benchmarks_head_is_the_products() -> None:
    """To the bit; whichever noise was asked for before."""
    case = reward.case_of("brief", groups(), "", read_tokenizer(SFT_MODEL))
    bench = reward.RewardBench(case.train)
    bench.scores(reward.rankings_of(case, 2, 0.25, seed=0), case.held_out, 0)
    ranked = reward.rankings_of(case, 2, 0.0, seed=0)
    scores, _ = bench.scores(ranked, case.held_out, 0)
    ends, samples = bench.tokenizer.ends, bench._samples
    product = train_reward_model(
        bench._sft, ranked, samples, RewardHparams(), ends=ends, pad_id=bench.tokenizer.pad_id, context=NoContext(),
        reader=bench._reader,
    )  # fmt: skip
    asked, answers = [group.prompt_tokens for group in case.held_out], [group.answers for group in case.held_out]
    expected = score_answers(drain(product).model, asked, answers, ends=ends)
    assert [torch.tensor(row).tolist() for row in scores] == expected
    assert score_answers(bench.trained(ranked, 0), asked, answers, ends=ends) == expected


def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "reward.json"
    settings: dict[str, Any] = {
        "folder": tmp_path, "families": "brief", "rankings": "4", "prompts": "6,4", "out": out,
    }  # fmt: skip
    reward.main(**settings, flips="0", seeds=1)
    capsys.readouterr()
    reward.main(**settings, flips="0", seeds=2)
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert [run["seed"] for run in json.loads(out.read_text())["runs"]] == [0, 1]
    reward.main(**settings | {"prompts": "6,3"}, flips="0", seeds=1)
    assert len(json.loads(out.read_text())["runs"]) == 1, "another pool is another run"
