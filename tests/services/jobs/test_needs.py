"""What must be there before a job can start is looked for once, for the API and for the forms."""

import pytest
from sqlalchemy.orm import Session

from app.db.models.versions import Version, VersionKind, VersionStatus
from app.errors import ConflictError
from app.kinds.kind import Need
from app.kinds.registry import KINDS
from app.services.jobs import needs
from app.services.versions import versions


@pytest.mark.usefixtures("sft")
def test_the_first_need_that_is_not_met_is_named(session: Session) -> None:
    unmet = {name: needs.unmet(session, kind) for name, kind in KINDS.items()}
    assert unmet == {
        "train_reward": Need.RANKINGS,
        "train_policy": Need.REWARD_MODEL,
        "train_grpo": Need.REWARD_MODEL,
        "train_dpo": Need.RANKINGS,
        "train_best_of_n": Need.REWARD_MODEL,
        "show_cheating": Need.REWARD_MODEL,
        "evaluate": Need.REWARD_MODEL,
        "get_model": None,
    }


def test_a_reward_model_is_an_active_one_or_one_that_is_named(session: Session, sft: Version) -> None:
    kind = KINDS["train_policy"]
    reward = versions.add_version(
        session,
        versions.NewVersion(kind=VersionKind.REWARD, parent_id=sft.id, path="versions/2-reward", content_hash="1" * 64),
    )
    with pytest.raises(ConflictError, match="no active reward model"):
        needs.check_needs(session, kind, {})
    needs.check_needs(session, kind, {"reward_version_id": reward.id})
    reward.status = VersionStatus.ACTIVE
    session.flush()
    assert needs.unmet(session, kind) is None
