"""Published models on the page of all versions: offered until they are here."""

from sqlalchemy import select

from app.db.models.jobs import Job, JobStatus
from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.model_info.catalogue import published
from app.services.lifecycle.installing import origin_of
from app.services.versions import versions
from app.services.versions.versions import NewVersion
from tests.live import LiveServer
from tests.web.visitor import Visitor, words_of


def test_a_published_model_is_one_press_away_until_it_is_here(server: LiveServer, visitor: Visitor) -> None:
    model = published("smollm2")
    page = visitor.get("/versions")
    assert f"Languages: English. Licence: {model.licence}." in words_of(page)
    assert 'name="model" value="smollm2"' in page
    visitor.send("/train/jobs", kind="get_model", model="smollm2")
    with transaction(server.runtime.write) as session:
        [job] = session.scalars(select(Job)).all()
        assert (job.kind, job.params, job.status) == ("get_model", {"model": "smollm2"}, JobStatus.QUEUED)
        here = NewVersion(
            VersionKind.SFT, parent_id=None, path="versions/9-sft", content_hash="", metrics=origin_of(model, {})
        )
        number = versions.add_version(session, here).id
    page = visitor.get("/versions")
    assert f"It is here: version {number}." in words_of(page)
    assert "Get the model" not in page.partition('id="get-smollm2"')[2].partition("</form>")[0]
