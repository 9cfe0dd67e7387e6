"""In which languages prompts are drawn: those of the model and of the person; and what is said where none is left."""

import random
from collections import Counter

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session, sessionmaker

from app.chat import Message
from app.db.base import utc_now
from app.db.models.groups import GroupStatus
from app.db.models.labelers import Labeler
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.db.models.versions import Version, VersionKind
from app.db.session import transaction
from app.errors import ConflictError, UnavailableError
from app.formats.languages import ANY, Asked
from app.model_info.prompt_sets import CORPUS, EVERYBODYS, EVERYDAY
from app.services.data import training_data
from app.services.labeling import drawing, groups, label_settings, languages
from app.services.labeling.drawing import Tags
from app.services.labeling.label_settings import LabelChoice
from app.services.prompts import prompts
from app.services.versions import versions
from tests.services.conftest import MakeGroup, lease, plans

EN, ZH, DE = (Asked(frozenset([code]), chosen=True) for code in ("en", "zh", "de"))


@pytest.fixture
def active(sessions: sessionmaker[Session], sft: Version) -> None:
    """A shipped model (for en and zh), and prompts."""
    with transaction(sessions) as session:
        for text, language in [
            ("one", "en"), ("two", "EN-gb"), ("一", "zh"), ("二", "zh-Hans"), ("eins", "de"), ("1 + 1", "und")
        ]:  # fmt: skip
            messages = [Message(role="user", content=text)]
            prompts.add_prompt(session, messages=messages, source=PromptSource.IMPORTED, language=language)
    assert sft.languages == ["en", "zh"]


def say(session: Session, sft: Version, said: list[str] | None) -> None:
    """What an imported model is for."""
    session.merge(sft).metrics = {"imported_from": "elsewhere"} | ({} if said is None else {"languages": said})
    session.flush()


def everybodys(*codes: str) -> Tags:
    """Tags of prompts that people gave."""
    return tuple(drawing.Tag(EVERYBODYS, code) for code in codes)


def drawn(session: Session, asked: Asked) -> set[str]:
    rng, tags = random.Random(0), languages.tags_to_draw(session, asked)
    return {drawing.draw_prompt(session, rng, tags).text for _ in range(60)}


@pytest.mark.usefixtures("active")
def test_prompts_are_drawn_in_the_languages_of_model_and_person(session: Session, sft: Version) -> None:
    both = {"one", "two", "一", "二", "1 + 1"}
    assert drawn(session, ANY) == both
    assert drawn(session, EN) == {"one", "two", "1 + 1"}
    assert drawn(session, ZH) == {"一", "二", "1 + 1"}
    say(session, sft, ["en"])
    assert drawn(session, ANY) == {"one", "two", "1 + 1"}
    assert drawn(session, Asked(frozenset(["en", "zh"]), chosen=True)) == {"one", "two", "1 + 1"}
    say(session, sft, None)
    assert drawn(session, ANY) == both | {"eins"}
    assert drawn(session, DE) == {"eins", "1 + 1"}


@pytest.mark.usefixtures("active")
def test_where_nothing_remains_it_is_said(session: Session, sft: Version) -> None:
    with pytest.raises(languages.NoPromptsError, match="You read Deutsch; the active version is for English and 中文"):
        languages.tags_to_draw(session, DE)
    say(session, sft, ["fr"])
    session.execute(update(Prompt).where(Prompt.language == "und").values(archived_at=utc_now()))
    with pytest.raises(languages.NoPromptsError, match=r"There are no prompts in Français\. Add some"):
        languages.tags_to_draw(session, ANY)
    with pytest.raises(ConflictError, match="There are no prompts in Français"):
        languages.tags_for_training(session, versions.active_answerer(session))


@pytest.mark.usefixtures("active")
def test_a_guess_gives_way_where_it_leaves_nothing(session: Session, sft: Version) -> None:
    """A browser in German does not keep its person from ranking."""
    guess = Asked(frozenset(["de"]), chosen=False)
    assert languages.tags_to_draw(session, guess) == languages.tags_to_draw(session, ANY)
    say(session, sft, None)
    session.execute(update(Prompt).where(Prompt.language.in_(["und", "de"])).values(archived_at=utc_now()))
    assert languages.tags_to_draw(session, guess) is None  # all that there are
    with pytest.raises(UnavailableError, match="no prompts in Deutsch"):
        languages.tags_to_draw(session, DE)


@pytest.mark.usefixtures("active")
def test_trained_versions_are_for_what_their_sft_model_is_for(session: Session, sft: Version) -> None:
    say(session, sft, ["zh"])
    policy = versions.add_version(
        session, versions.NewVersion(kind=VersionKind.POLICY, parent_id=sft.id, path="p", content_hash="0")
    )
    tags = languages.tags_for_training(session, policy)
    assert tags == everybodys("und", "zh", "zh-Hans")
    ids = training_data.training_prompt_ids(session, 10, 0, tags)
    assert {prompt.text for prompt in training_data.prompts_by_id(session, ids)} == {"一", "二", "1 + 1"}
    session.execute(update(Prompt).values(split=PromptSplit.HELD_OUT))
    held_out = training_data.held_out_prompt_ids(session, 10, tags)
    assert sorted(held_out) == sorted(ids)


@pytest.mark.usefixtures("active")
def test_languages_share_the_draws_evenly(session: Session) -> None:
    """At random among all that were shown as often, whatever their language."""
    rng, tags = random.Random(1), languages.tags_to_draw(session, ANY)
    assert tags is not None
    count: Counter[str] = Counter()
    for _ in range(50):
        prompt = drawing.draw_prompt(session, rng, tags)
        drawing.count_shown(session, prompt.id, rng)
        session.expire_all()
        count[prompt.text] += 1
    assert set(count.values()) == {10}


@pytest.mark.usefixtures("sft")
def test_a_card_is_given_in_the_languages_asked_for(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    chinese, english = make_group(text="水"), make_group(text="water")
    assert groups.has_free(session, now=utc_now(), tags=everybodys("zh"))
    assert not groups.has_free(session, now=utc_now(), tags=everybodys("de"))
    assert (groups.count_ready(session, everybodys("en")), groups.count_ready(session)) == (1, 2)
    found = groups.next_group(session, labeler=ada, now=utc_now(), lease_seconds=60, tags=everybodys("en"))
    assert found is not None
    assert (found.id, chinese.id < english.id) == (english.id, True)


@pytest.mark.usefixtures("sft")
def test_a_card_in_a_language_that_was_given_up_is_free_again(
    session: Session, make_group: MakeGroup, ada: Labeler
) -> None:
    group = make_group(text="水")
    session.execute(update(Prompt).values(source=PromptSource.SHIPPED))
    assert lease(session, ada) is not None
    groups.let_go_of_other_languages(session, labeler=ada, tags=everybodys("zh", "en"))
    assert groups.get_group(session, group.id).status is GroupStatus.LEASED
    session.execute(update(Prompt).values(source=PromptSource.OWN))
    groups.let_go_of_other_languages(session, labeler=ada, tags=everybodys("en"))
    assert groups.get_group(session, group.id).status is GroupStatus.LEASED  # she asked it herself
    session.execute(update(Prompt).values(source=PromptSource.SHIPPED))
    groups.let_go_of_other_languages(session, labeler=ada, tags=everybodys("en"))
    assert (groups.get_group(session, group.id).status, group.leased_to) == (GroupStatus.READY, None)


@pytest.mark.sqlite
@pytest.mark.usefixtures("sft")
def test_languages_are_found_and_drawn_by_index(database: Database) -> None:
    row = {"text": "t", "messages": [], "split": "train", "source": "imported", "shown": 0}
    with database.begin() as connection:
        for n in range(900):
            new = {**row, "digest": f"{n:064x}", "draw_key": f"{n:016x}", "created_at": utc_now()}
            connection.execute(insert(Prompt).values(**new, language=("en", "zh", "de")[n % 3]))

    def draw(session: Session) -> None:
        tags = languages.tags_to_draw(session, ANY)
        assert tags == everybodys("en", "zh")
        drawing.draw_prompt(session, random.Random(0), tags)

    for plan in plans(database, draw):
        assert "SCAN prompts" not in plan
        if "prompts USING" in plan:
            assert "ix_prompts_drawing_by_language" in plan


@pytest.fixture
def published_model(session: Session, sft: Version) -> Version:
    """Beside the shipped model, one for which the everyday prompts were written; and prompts of each set."""
    assert sft.prompt_sets == (CORPUS,)
    for text, name, split in [
        ("What is a volcano?", CORPUS, PromptSplit.TRAIN), ("火山是什么？", CORPUS, PromptSplit.TRAIN),
        ("What is a fossil?", CORPUS, PromptSplit.HELD_OUT), ("My soup is too salty.", EVERYDAY, PromptSplit.TRAIN),
        ("Give me a recipe.", EVERYDAY, PromptSplit.HELD_OUT), ("My own", EVERYBODYS, PromptSplit.TRAIN),
    ]:  # fmt: skip
        messages = [Message(role="user", content=text)]
        prompts.add_prompts(session, [prompts.NewPrompt(messages, split, source=PromptSource.SHIPPED, prompt_set=name)])
    root = versions.NewVersion(kind=VersionKind.SFT, parent_id=None, path="q", content_hash="1")
    version = versions.add_version(session, root)
    version.metrics = {"imported_from": "SmolTest", "languages": ["en"], "published": {"name": "smollm2"}}
    session.flush()
    return version


def asked_in_training(session: Session, version: Version) -> tuple[set[str], set[str]]:
    """Texts that it is trained on, and that it is evaluated with."""
    tags = languages.tags_for_training(session, version)
    ids = training_data.training_prompt_ids(session, 10, 0, tags), training_data.held_out_prompt_ids(session, 10, tags)
    of_training, of_evaluation = (training_data.prompts_by_id(session, each) for each in ids)
    return {each.text for each in of_training}, {each.text for each in of_evaluation}


def test_prompts_of_a_set_are_for_the_models_that_they_were_written_for(
    session: Session, sft: Version, published_model: Version
) -> None:
    """Labeled, trained on and evaluated with, by what is trained from them, too; people's own are for every model."""
    own, corpus = {"My own"}, {"What is a volcano?", "火山是什么？"}
    assert drawn(session, ANY) == own | corpus
    assert asked_in_training(session, sft) == (own | corpus, {"What is a fossil?"})
    policy = versions.add_version(
        session, versions.NewVersion(kind=VersionKind.POLICY, parent_id=published_model.id, path="p", content_hash="0")
    )
    label_settings.choose(session, LabelChoice(version_id=published_model.id))
    assert drawn(session, ANY) == own | {"My soup is too salty."}
    assert languages.prompts_at_hand(session).codes == {"en"}
    assert asked_in_training(session, policy) == (own | {"My soup is too salty."}, {"Give me a recipe."})
    label_settings.choose(session, LabelChoice(other_version_id=published_model.id, other_answers=1))
    assert drawn(session, ANY) == own | {"What is a volcano?", "My soup is too salty."}, "the languages of both"


@pytest.mark.usefixtures("published_model")
def test_other_models_prompts_are_drawn_where_somebody_wants_them(session: Session, sft: Version) -> None:
    label_settings.choose(session, LabelChoice(draws_all_sets=True))
    assert languages.tags_to_draw(session, ANY) is None
    assert "My soup is too salty." in drawn(session, ANY)
    assert "Give me a recipe." in asked_in_training(session, sft)[1]
    label_settings.choose(session, LabelChoice())
    [soup] = session.scalars(select(Prompt).where(Prompt.text == "My soup is too salty."))
    given = prompts.add_prompt(session, messages=soup.messages, source=PromptSource.OWN)
    assert given is soup
    assert "My soup is too salty." in drawn(session, ANY), "who asks it makes it everybody's"
