"""Candidates are used or discarded; of two people who decide at once the second one is told."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.versions import Version, VersionKind
from app.errors import About, ConflictError, GoneError, InvalidError, NotFoundError, Record
from app.services.lifecycle import deciding, removal
from app.services.lifecycle.activation import activate
from app.services.lifecycle.deciding import (
    Decided,
    Seen,
    candidates,
    discard,
    last_discarded,
    rename,
    take_back,
    use,
)
from app.services.versions.version_states import VersionState, standing
from app.settings.config import Settings
from tests.live import quick_settings
from tests.services.conftest import AddVersion

POLICY, REWARD = VersionKind.POLICY, VersionKind.REWARD


@pytest.fixture
def settings(data_dir: Any, model_files: Any) -> Settings:
    return quick_settings(data_dir, model_files)


def test_a_discarded_candidate_waits_for_nobody_and_can_be_taken_back(session: Session, add: AddVersion) -> None:
    old, new = add(POLICY), add(POLICY)
    assert candidates(session) == [new, old]
    assert discard(session, new.id) is discard(session, new.id)
    assert candidates(session) == [old]
    assert standing(session).state_of(new) is VersionState.DISCARDED
    take_back(session, new.id)
    assert candidates(session) == [new, old]
    assert standing(session).state_of(new) is VersionState.CANDIDATE


def test_the_last_discarded_one_is_offered_until_another_is_made(session: Session, add: AddVersion) -> None:
    old, new = add(POLICY), add(POLICY)
    assert last_discarded(session) is None
    discard(session, new.id)
    assert last_discarded(session) is new
    discard(session, old.id)
    assert last_discarded(session) is old, "an older candidate, too"
    take_back(session, old.id)
    assert last_discarded(session) is new
    add(POLICY)
    assert last_discarded(session) is None


def test_a_discarded_one_may_be_activated_after_all(session: Session, add: AddVersion, settings: Settings) -> None:
    policy = add(POLICY)
    discard(session, policy.id)
    use(session, policy.id, seen=Seen(1, Decided.DISCARDED), data_dir=settings.data_dir)
    assert (policy.discarded_at, standing(session).state_of(policy)) == (None, VersionState.ACTIVE)


def test_what_was_activated_meanwhile_is_not_taken_back(session: Session, add: AddVersion, settings: Settings) -> None:
    policy, next_one = add(POLICY), add(POLICY)
    discard(session, policy.id)
    use(session, policy.id, seen=Seen(1, Decided.DISCARDED), data_dir=settings.data_dir)
    with pytest.raises(ConflictError, match=rf"Version {policy.id} answers now\. Look again"):
        take_back(session, policy.id)
    use(session, next_one.id, seen=Seen(policy.id, None), data_dir=settings.data_dir)
    with pytest.raises(ConflictError, match="is not discarded"):
        take_back(session, policy.id)


def test_pruning_takes_a_discarded_one_although_it_is_the_newest(
    session: Session, add: AddVersion, settings: Settings
) -> None:
    old, new = add(POLICY), add(POLICY)
    discard(session, new.id)
    assert [each.version for each in removal.plan(session, settings).going] == [new]
    removal.prune(session, settings)
    with pytest.raises(GoneError, match="its files were removed meanwhile"):
        take_back(session, new.id)
    with pytest.raises(GoneError):
        discard(session, new.id)
    assert candidates(session) == [old]


def test_of_two_people_the_second_is_told(
    session: Session, first: Version, add: AddVersion, settings: Settings
) -> None:
    """Both saw the SFT model answer. Each pair: what the first one did, what the second one wants."""
    one, other = add(POLICY), add(POLICY)
    data_dir = settings.data_dir
    use(session, one.id, seen=Seen(first.id, None), data_dir=data_dir)
    assert use(session, one.id, seen=Seen(first.id, None), data_dir=data_dir) is one, "both want the same"
    with pytest.raises(ConflictError, match=rf"Nothing was changed.*Version {one.id} answers now"):
        use(session, other.id, seen=Seen(first.id, None), data_dir=data_dir)
    with pytest.raises(ConflictError, match=rf"Nothing was changed.*Version {one.id} answers now"):
        discard(session, one.id)
    assert candidates(session) == [other]
    use(session, other.id, seen=Seen(one.id, None), data_dir=data_dir)
    with pytest.raises(ConflictError, match="cannot be discarded"):
        discard(session, one.id)


def test_of_all_decisions_the_second_person_is_told(
    session: Session, first: Version, add: AddVersion, settings: Settings
) -> None:
    """Discarding and taking back as activating: where another version answers by now, and what is in the way is
    named."""
    one, other, third = add(POLICY), add(POLICY), add(POLICY)
    discard(session, third.id, seen=Seen(first.id, Decided.NOTHING))
    use(session, one.id, seen=Seen(first.id, Decided.NOTHING), data_dir=settings.data_dir)
    old = Seen(first.id, Decided.NOTHING), Seen(first.id, Decided.DISCARDED)
    told = rf"Nothing was changed.*Version {one.id} answers now"
    with pytest.raises(ConflictError, match=told) as refused:
        discard(session, other.id, seen=old[0])
    assert refused.value.about == About(Record.VERSION, one.id)
    with pytest.raises(ConflictError, match=told) as refused:
        take_back(session, third.id, seen=old[1])
    assert refused.value.about == About(Record.VERSION, one.id)
    assert (other.discarded_at, third.discarded_at is None) == (None, False)
    discard(session, other.id, seen=Seen(one.id, Decided.NOTHING))
    assert discard(session, other.id, seen=old[0]) is other, "both want the same"
    take_back(session, other.id, seen=Seen(one.id, Decided.DISCARDED))
    assert take_back(session, other.id, seen=old[1]) is other
    assert candidates(session) == [other]
    with pytest.raises(ConflictError) as refused:
        discard(session, one.id, seen=old[0])
    assert refused.value.about == About(Record.VERSION, one.id)


@pytest.mark.parametrize("kind", [POLICY, REWARD])
def test_a_page_of_before_overrides_no_decision(
    session: Session, add: AddVersion, settings: Settings, kind: VersionKind
) -> None:
    """What answers is the same again; what was decided about the version meanwhile is not."""
    one, before, data_dir = add(kind), add(kind), settings.data_dir
    activate(session, before.id, data_dir=data_dir)
    seen = Seen(before.id, Decided.NOTHING)
    discard(session, one.id)
    with pytest.raises(ConflictError, match=rf"Nothing was changed.*Version {one.id} was discarded\."):
        use(session, one.id, seen=seen, data_dir=data_dir)
    assert standing(session).state_of(one) is VersionState.DISCARDED
    take_back(session, one.id)
    use(session, one.id, seen=Seen(before.id, Decided.DISCARDED), data_dir=data_dir)
    activate(session, before.id, data_dir=data_dir)
    with pytest.raises(ConflictError, match=rf"Version {one.id} was in use, and another version took its place\."):
        use(session, one.id, seen=seen, data_dir=data_dir)
    with pytest.raises(ConflictError, match=rf"Version {one.id} was in use, and another .* cannot be discarded"):
        discard(session, one.id)
    use(session, one.id, seen=Seen(before.id, Decided.USED), data_dir=data_dir)
    assert standing(session).state_of(one) is VersionState.ACTIVE


def test_reward_models_take_the_place_of_reward_models(session: Session, add: AddVersion, settings: Settings) -> None:
    one, other = add(REWARD), add(REWARD)
    use(session, one.id, seen=Seen(None, None), data_dir=settings.data_dir)
    with pytest.raises(ConflictError, match=rf"Version {one.id} scores now"):
        use(session, other.id, seen=Seen(None, None), data_dir=settings.data_dir)
    with pytest.raises(ConflictError, match=rf"Version {one.id} scores now"):
        discard(session, one.id)


def test_names_and_notes(session: Session, add: AddVersion) -> None:
    policy = add(POLICY)
    rename(session, policy.id, name=" Short  answers ", note=" tried\r\nwith care \n")
    assert (policy.name, policy.note) == ("Short answers", "tried\nwith care")
    rename(session, policy.id, note="")
    assert (policy.name, policy.note) == ("Short answers", None)
    rename(session, policy.id, name=" ")
    assert policy.name is None
    for wrong in ({"name": "x" * 61}, {"name": "a\nb"}, {"note": "x" * (deciding.MAX_NOTE_CHARACTERS + 1)}):
        with pytest.raises(InvalidError):
            rename(session, policy.id, **wrong)
    with pytest.raises(NotFoundError):
        rename(session, 999, name="x")


def test_two_versions_never_have_one_name_and_a_refusal_changes_nothing(session: Session, add: AddVersion) -> None:
    one, other = add(POLICY), add(POLICY)
    rename(session, one.id, name="Brief")
    rename(session, one.id, name="brief", note="of one evening")
    with pytest.raises(ConflictError, match=f"Version {one.id} has the name “brief” already"):
        rename(session, other.id, name="BRIEF", note="another")
    assert (other.name, other.note) == (None, None)
    with pytest.raises(InvalidError):
        rename(session, other.id, name="Long", note="x" * (deciding.MAX_NOTE_CHARACTERS + 1))
    assert other.name is None
    one.removed_at = utc_now()
    rename(session, other.id, name="Brief")
