"""A version's scorers on disk: the same bits again, a student for transformers, tied to the model that reads."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.chat import Candidate, Message
from app.hparams import RewardHparams
from app.lm.files.checkpoint import read_tokenizer, save_model
from app.lm.inference.model_cache import Foreseeing
from app.lm.model import Llama
from app.lm.text.tokenizer import Tokenizer, train_tokenizer
from app.model_info.weights import CheckpointError, content_hash, verify_directory
from app.training.context import drain
from app.training.reward.choice import Chooser
from app.training.reward.data import RankedGroup
from app.training.reward.network import load_reward_model, save_reward_model
from app.training.reward.pair_loss import Davidson
from app.training.reward.scorer import load_scorer, parted_answers
from app.training.reward.scorer_files import Source, has_scorers, load_scorers, write_scorers
from app.training.reward.trainer import RewardResult, train_reward_model
from tests.training.tiny import CONFIG, ENDS, PAD, NoContext, random_groups

PROMPTS, ANSWERS = random_groups(20, 4)
PAIRS = [(prompt, answer) for prompt, group in zip(PROMPTS, ANSWERS, strict=True) for answer in group]
ASKED: list[Message] = [{"role": "user", "content": "some words"}]


def model(seed: int = 0) -> Llama:
    """With room for a tokenizer of bytes."""
    torch.manual_seed(seed)
    return Llama(replace(CONFIG, vocab_size=300)).eval()


@pytest.fixture(scope="module")
def trained() -> RewardResult:
    groups = [RankedGroup(n, p, a, [1, 2, 3, 4]) for n, (p, a) in enumerate(zip(PROMPTS, ANSWERS, strict=True))]
    hparams = RewardHparams(num_layers=1, held_out_fraction=0.5)
    return drain(train_reward_model(model(), groups, [], hparams, ends=ENDS, pad_id=PAD, context=NoContext()))


def saved(trained: RewardResult, folder: Path) -> Path:
    tokenizer: Tokenizer = train_tokenizer(["some words to learn from", "and a few more words"], 300)
    digest = save_model(folder / "1-sft", model(), tokenizer, dtype=torch.float32)
    source = Source("1-sft", digest)
    made = folder / "2-reward"
    save_reward_model(made, trained.student, tokenizer, lambda fresh: write_scorers(fresh, trained.scorers, source))
    return made


def test_what_was_saved_scores_the_same_to_the_bit(trained: RewardResult, tmp_path: Path) -> None:
    directory = saved(trained, tmp_path)
    loaded = load_scorers(directory)
    for part, scorer in trained.scorers.items():
        for mine, again in zip(scorer.score(PAIRS, ENDS), loaded[part].score(PAIRS, ENDS), strict=True):
            assert torch.equal(mine, again)
    whole, apart = loaded["whole"].score(PAIRS, ENDS)[0], loaded["judge"].score(PAIRS, ENDS)[0]
    assert not torch.equal(whole, apart)
    verify_directory(directory, content_hash(directory))
    assert content_hash(directory) == content_hash(saved(trained, tmp_path / "again"))


def test_pages_score_by_the_scorer_and_tell_its_deviations(trained: RewardResult, tmp_path: Path) -> None:
    directory = saved(trained, tmp_path)
    one, two = load_scorer(directory)(ASKED, ["words", "and a few"])
    assert (one.deviation or 0) > 0
    assert one != two
    (directory / "scorer.json").unlink()
    (directory / "checksums.json").unlink()
    assert not has_scorers(directory)
    assert load_scorer(directory)(ASKED, ["words"])[0].deviation is None, "a version of before: the network alone"


def test_it_foresees_what_rankings_would_teach(trained: RewardResult, tmp_path: Path) -> None:
    """As the chooser does with the head of all rankings; a group that is taken for ranked teaches less again."""
    directory = saved(trained, tmp_path)
    scorer, tokenizer = load_scorer(directory), read_tokenizer(directory)
    assert isinstance(scorer, Foreseeing)
    groups = [Candidate(ASKED, ["words", "and a few"]), Candidate(ASKED, ["words", "words"])]
    told = scorer.gains(groups, [], 0.25)
    assert told[0] > 0
    assert told[1] == 0
    whole = trained.model
    read = [whole.reader.read(parted_answers(tokenizer, *group, 64), tokenizer.ends) for group in groups]
    made = [whole.columns.of(each) for each in read]
    chooser = Chooser(whole.head.mean, whole.head.factor, Davidson.of_tie_share(0.25).tie_strength, made)
    assert told == pytest.approx(chooser.gains(made))
    assert scorer.gains(groups, groups[:1], 0.25)[0] < told[0]


def test_transformers_opens_the_student(trained: RewardResult, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    directory = saved(trained, tmp_path)
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(directory).eval()
    prompt, answer = PAIRS[3]
    with torch.no_grad():
        expected = theirs(torch.tensor([[*prompt, *answer]])).logits[0, 0]
    mine = load_reward_model(directory).score([(prompt, answer)], ENDS)[0][0]
    assert mine.item() == pytest.approx(expected.item(), abs=1e-3)


def test_a_reward_model_of_another_model_says_what_to_do(trained: RewardResult, tmp_path: Path) -> None:
    directory = saved(trained, tmp_path)
    tokenizer = train_tokenizer(["some words to learn from", "and a few more words"], 300)
    save_model(tmp_path / "1-sft", model(seed=7), tokenizer, dtype=torch.float32)
    with pytest.raises(CheckpointError, match=r"another SFT model than the one in 1-sft\. Train a reward"):
        load_scorers(directory)
    (tmp_path / "1-sft").rename(tmp_path / "gone")
    with pytest.raises(CheckpointError, match=r"1-sft\) is not there any more\. Train a reward model again\."):
        load_scorers(directory)


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 9}', '{"format": 4, "reads_with": {}}'])
def test_a_damaged_description_is_named(content: str, trained: RewardResult, tmp_path: Path) -> None:
    directory = saved(trained, tmp_path)
    (directory / "scorer.json").write_text(content)
    (directory / "checksums.json").unlink()
    with pytest.raises(CheckpointError, match=r"scorer\.json"):
        load_scorers(directory)


def test_a_folder_outside_the_versions_is_never_opened(trained: RewardResult, tmp_path: Path) -> None:
    directory = saved(trained, tmp_path / "data")
    described = json.loads((directory / "scorer.json").read_text())
    described["reads_with"]["folder"] = "../../elsewhere"
    (directory / "scorer.json").write_text(json.dumps(described))
    (directory / "checksums.json").unlink()
    with pytest.raises(CheckpointError, match=r"\(elsewhere\) is not there"):
        load_scorers(directory)
