"""The playground without JavaScript: form in, answers out, every address a page."""

import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from app.db.base import utc_now
from app.db.models.versions import Version, VersionKind
from app.db.session import transaction
from app.errors import UnavailableError
from app.services.versions.versions import NewVersion, add_version, sft_version
from tests.live import LiveServer, ScriptedEngine
from tests.web.visitor import Visitor, words_of

OWN = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
ELSEWHERE = {**OWN, "sec-fetch-site": "cross-site"}


def address(**entries: object) -> str:
    return "/playground?" + urlencode(entries, doseq=True)


@pytest.fixture
def others(server: LiveServer) -> dict[str, int]:
    """A policy, a removed policy and a reward model beside the SFT model."""
    made: dict[str, int] = {}
    with transaction(server.runtime.write) as session:
        sft = sft_version(session)
        for name, kind in (
            ("policy", VersionKind.POLICY),
            ("gone", VersionKind.POLICY),
            ("reward", VersionKind.REWARD),
        ):
            new = NewVersion(kind=kind, parent_id=sft.id, path=sft.path, content_hash=sft.content_hash)
            version: Version = add_version(session, new)
            version.removed_at = utc_now() if name == "gone" else None
            session.flush()
            made[name] = version.id
    return made


def calls(engine: ScriptedEngine) -> list[str]:
    return [name for name, _version in engine.calls if name in ("generate", "stream")]


def test_the_form_is_there_before_anything_was_asked(visitor: Visitor, engine: ScriptedEngine) -> None:
    html = visitor.get("/playground")
    assert "Write the answers" in html
    assert 'name="temperature"' in html
    assert 'aria-pressed="true">Usual' in html
    assert calls(engine) == []


def test_answers_come_into_the_page_with_the_first_tokens_probabilities(visitor: Visitor) -> None:
    html = visitor.get(address(prompt="Why?", n=3, seed=7, write=1))
    assert html.count('class="pane panel"') == 3
    assert "Seed 7" in html
    assert "What the first token is rolled from" in html
    assert "On the dice" in html


def test_answers_are_marked_with_their_language(visitor: Visitor, engine: ScriptedEngine) -> None:
    engine.texts = ["水是液体。", "Water is wet."]
    page = visitor.get(address(prompt="Hi", n=2, seed=1, write=1))
    assert 'lang="zh">水是液体。' in page
    assert 'lang="en">Water is wet.' in page
    engine.texts = []


def test_a_request_without_a_seed_gets_one_in_its_address(visitor: Visitor) -> None:
    response = visitor.client.get(address(prompt="Why?", write=1))
    assert response.status_code == 200
    entries = parse_qs(urlsplit(str(response.url)).query)
    assert int(entries["seed"][0]) >= 0
    assert entries["version"] == ["1"]
    assert f"Seed {entries['seed'][0]}" in response.text


def test_a_link_from_elsewhere_a_prefetch_and_head_write_nothing(visitor: Visitor, engine: ScriptedEngine) -> None:
    path = address(prompt="Why?", seed=7, write=1)
    for headers in (ELSEWHERE, {**OWN, "sec-purpose": "prefetch"}):
        response = visitor.client.get(path, headers=headers)
        assert response.status_code == 200
        assert "Why?" in response.text
        assert "data-write-now" not in response.text
    visitor.client.head(path, headers=OWN)
    assert calls(engine) == []
    assert visitor.client.get(path, headers=OWN).status_code == 200
    assert calls(engine) == ["generate"]


def test_the_page_s_script_writes_at_once_where_the_person_came_by_themselves(visitor: Visitor) -> None:
    path = address(prompt="Why?", seed=7)
    assert "data-write-now" in visitor.client.get(path, headers=OWN).text
    assert "data-write-now" not in visitor.client.get(path, headers=ELSEWHERE).text
    assert "data-write-now" not in visitor.client.get(address(prompt="Why?"), headers=OWN).text
    assert "data-write-now" not in visitor.client.get(address(prompt="Why?", seed=7, n="NaN"), headers=OWN).text


@pytest.mark.parametrize(
    ("name", "typed", "said", "value"),
    [
        ("temperature", "NaN", "“NaN” is no number; 0.8 stands in its place.", "0.8"),
        ("temperature", "-3", "It goes from 0 to 2; 0 stands in its place.", "0"),
        ("temperature", "1e9", "“1e9” is no number", "0.8"),
        ("top_p", "0", "It goes from 0.01 to 1; 0.01 stands in its place.", "0.01"),
        ("top_k", "12345678901234567890", "It goes from 0 to 1000000", "1000000"),
        ("top_k", "2.6", "Only whole numbers here; 3 stands in its place.", "3"),
        ("n", "9" * 5000, "It goes from 1 to 8; 8 stands in its place.", "8"),
        ("max_tokens", "<script>", "“<script>” is no number", "8"),
        ("seed", "-1", "It goes from 0 to 2147483647; 0 stands in its place.", "0"),
        ("seed", "x", "“x” is no number; leave it empty for a new seed.", ""),
    ],
)
def test_an_impossible_value_gets_the_nearest_sense_and_a_sentence(
    visitor: Visitor, engine: ScriptedEngine, name: str, typed: str, said: str, value: str
) -> None:
    html = visitor.get(address(prompt="Why?", seed=7, write=1) + "&" + urlencode({name: typed}))
    assert said in words_of(html)
    field = re.search(rf'<input[^>]* id="{name}"[^>]*>', html)
    assert field is not None
    assert f'value="{value}"' in field[0]
    assert 'aria-invalid="true"' in field[0]
    assert "\nWhy?</textarea>" in html
    assert calls(engine) == []


def test_sentences_are_in_the_language_of_the_page(visitor: Visitor) -> None:
    response = visitor.client.get(address(prompt="Why?", temperature=9), headers={"accept-language": "zh"})
    assert "范围是 0 到 2；已改为 2。" in response.text
    assert '<html lang="zh">' in response.text


def test_versions_that_cannot_answer_are_told(visitor: Visitor, others: dict[str, int]) -> None:
    for name, said in (("gone", "was removed"), ("reward", "is a reward model")):
        html = visitor.get(address(prompt="Why?", version=others[name], seed=1, write=1))
        assert said in words_of(html)
    assert "There is no version 999" in words_of(visitor.get(address(version=999)))
    assert "“abc” is no version." in words_of(visitor.get(address(version="abc")))


def test_several_versions_stand_side_by_side(visitor: Visitor, engine: ScriptedEngine, others: dict[str, int]) -> None:
    html = visitor.get(address(prompt="Why?", version=[1, others["policy"]], n=1, seed=3, write=1))
    assert 'data-columns="2"' in html
    assert {version for name, version in engine.calls if name == "generate"} == {1, others["policy"]}


def test_an_empty_and_a_too_long_prompt_are_told_at_the_prompt(visitor: Visitor, engine: ScriptedEngine) -> None:
    assert "The box is empty" in words_of(visitor.get(address(prompt="\u200b \u2060", write=1)))
    html = visitor.get(address(prompt="word " * 1999, seed=1, write=1))
    assert "This has 1999 tokens. Version 1 reads 2000 together with its answer: 1 are left" in words_of(html)
    assert html.count("word ") >= 1998
    assert "The prompt has 2001 tokens; at most 2000 fit." in words_of(
        visitor.get(address(prompt="word " * 2001, seed=1, write=1))
    )
    assert calls(engine) == []


def test_hostile_text_stays_text(visitor: Visitor, engine: ScriptedEngine) -> None:
    evil = '</textarea><script>alert(1)</script>"\u202e'
    engine.texts = [evil]
    html = visitor.get(address(prompt=evil, n=1, seed=1, write=1))
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 2


def test_a_preset_s_button_sets_the_dice_and_writes_nothing(visitor: Visitor, engine: ScriptedEngine) -> None:
    html = visitor.get(address(prompt="Why?", temperature="0.8", preset="wild", seed=1))
    assert 'aria-pressed="true">Wild' in html
    assert 'aria-pressed="true">Usual' not in html
    assert "Settings of your own." in words_of(visitor.get(address(temperature="0.3")))
    assert calls(engine) == []


def test_turns_are_added_and_removed_without_a_script(visitor: Visitor) -> None:
    two = [("mode", "conversation"), ("user", "Hi"), ("assistant", "Hello")]
    html = visitor.get("/playground?" + urlencode([*two, ("add", "turn")]))
    assert re.findall(r'name="(user|assistant)"', html) == ["user", "assistant", "user"]
    html = visitor.get("/playground?" + urlencode([*two, ("remove", "0")]))
    assert re.findall(r'name="(user|assistant)"', html) == ["assistant"]
    html = visitor.get("/playground?" + urlencode([*two, ("user", "Why?"), ("seed", "1"), ("write", "1")]))
    assert 'class="pane panel"' in html


def test_the_check_tells_the_page_s_script_what_is_wrong(server: LiveServer) -> None:
    response = server.client.post("/playground/check", data={"prompt": "", "temperature": "7", "n": "2"})
    assert response.json()["wrong"].keys() == {"prompt", "temperature"}
    assert response.json()["values"]["temperature"] == "2"


def test_the_check_gives_the_stop_texts_that_count_as_they_are_typed(server: LiveServer) -> None:
    typed = ["one", "\\n\\t", "\\\\n", "four", "five"]
    response = server.client.post("/playground/check", data={"prompt": "Hi", "stop": "\n".join(typed)})
    assert response.json()["values"]["stop"] == "\n".join(typed[:4])
    assert "stop" not in server.client.post("/playground/check", data={"prompt": "Hi", "stop": "one"}).json()["values"]


def test_a_failing_model_is_told_in_the_column(visitor: Visitor, engine: ScriptedEngine) -> None:
    engine.failure = UnavailableError("The model is busy.")
    html = visitor.get(address(prompt="Why?", seed=1, write=1))
    assert "The model is busy." in html
