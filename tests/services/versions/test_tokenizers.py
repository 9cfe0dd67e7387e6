"""Which tokenizers there are: one for each model that came from elsewhere, whatever was trained from it."""

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.db.base import utc_now
from app.db.models.versions import Version, VersionKind
from app.db.session import transaction
from app.errors import GoneError, NotFoundError
from app.services.versions.tokenizers import tokenizers, tokenizing_version
from app.services.versions.versions import NewVersion, add_version


def added(session: Session, kind: VersionKind, parent: int | None = None) -> int:
    return add_version(session, NewVersion(kind=kind, parent_id=parent, path=str(kind), content_hash="0" * 64)).id


def test_what_was_trained_shares_the_tokenizer(sessions: sessionmaker[Session], sft: Version) -> None:
    with transaction(sessions) as session:
        reward = added(session, VersionKind.REWARD, sft.id)
        policy = added(session, VersionKind.POLICY, sft.id)
        imported = added(session, VersionKind.SFT)
        later = added(session, VersionKind.POLICY, policy)
        removed = added(session, VersionKind.POLICY, sft.id)
        row = session.get(Version, removed)
        assert row is not None
        row.removed_at = utc_now()
    with sessions() as session:
        found = {each.source.id: each.shared_by for each in tokenizers(session)}
        assert found == {sft.id: {sft.id, reward, policy, later}, imported: {imported}}
        assert tokenizing_version(session, None).id == sft.id
        assert tokenizing_version(session, reward).id == reward
        with pytest.raises(GoneError):
            tokenizing_version(session, removed)
        with pytest.raises(NotFoundError):
            tokenizing_version(session, 99)
