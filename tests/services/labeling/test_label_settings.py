"""How the label page samples: chosen by whoever runs the installation, else as the environment says."""

import pytest
from sqlalchemy.orm import Session

from app.db.models.versions import Version, VersionKind
from app.errors import GoneError, InvalidError, NotFoundError, UnavailableError
from app.hparams import SamplingParams
from app.services.labeling import label_settings
from app.services.labeling.label_settings import LabelChoice, LabelSampling, Writers
from app.services.versions import versions

DEFAULT = SamplingParams(temperature=0.8, top_k=3, max_tokens=50)


def add(session: Session, sft: Version, kind: VersionKind = VersionKind.POLICY) -> Version:
    new = versions.NewVersion(kind=kind, parent_id=sft.id, path=f"v/{kind}", content_hash="2" * 64)
    return versions.add_version(session, new)


def test_where_nobody_chose_the_active_version_writes_as_the_environment_says(session: Session, sft: Version) -> None:
    assert label_settings.chosen(session) == LabelChoice()
    wanted = label_settings.label_sampling(session, DEFAULT)
    assert wanted == LabelSampling(Writers.all_by(sft.id), DEFAULT)
    assert wanted.key == f"{sft.id} {sft.id} {sft.id} {sft.id}; temperature 0.8, top-p 1.0, top-k 3, 50 tokens"


def test_without_an_active_version_there_is_nobody_to_write(session: Session) -> None:
    with pytest.raises(UnavailableError):
        label_settings.writers(session)


def test_what_was_chosen_holds_and_what_was_left_open_stays_the_environments(session: Session, sft: Version) -> None:
    policy = add(session, sft)
    choice = LabelChoice(temperature=0.0, top_p=0.5, other_version_id=policy.id, other_answers=1)
    assert label_settings.choose(session, choice) == label_settings.chosen(session) == choice
    wanted = label_settings.label_sampling(session, DEFAULT)
    assert wanted.writers.version_ids == (sft.id, sft.id, sft.id, policy.id)
    assert (wanted.writers.only, wanted.writers.counts) == (None, {sft.id: 3, policy.id: 1})
    assert wanted.params == SamplingParams(temperature=0.0, top_p=0.5, top_k=3, max_tokens=50)
    label_settings.choose(session, LabelChoice(max_tokens=7, version_id=policy.id))
    wanted = label_settings.label_sampling(session, DEFAULT)
    assert (wanted.writers.only, wanted.params.max_tokens, wanted.params.temperature) == (policy.id, 7, 0.8)


def test_a_second_version_that_writes_nothing_is_forgotten(session: Session, sft: Version) -> None:
    policy = add(session, sft)
    chosen = label_settings.choose(session, LabelChoice(other_version_id=policy.id))
    assert chosen.other_version_id is None


def test_impossible_choices_are_refused(session: Session, sft: Version) -> None:
    reward, gone = add(session, sft, VersionKind.REWARD), add(session, sft)
    gone.removed_at = gone.created_at
    for choice, error, says in (
        (LabelChoice(other_answers=4), InvalidError, "0 to 3"),
        (LabelChoice(version_id=sft.id, other_version_id=sft.id, other_answers=1), InvalidError, "the same"),
        (LabelChoice(other_answers=2), InvalidError, "the same"),
        (LabelChoice(version_id=reward.id), InvalidError, "name one of kind sft or policy"),
        (LabelChoice(version_id=99), NotFoundError, "no version 99"),
        (LabelChoice(version_id=gone.id), GoneError, "removed"),
    ):
        with pytest.raises(error, match=says):
            label_settings.choose(session, choice)
    assert label_settings.chosen(session) == LabelChoice()
