"""Files in and out as a browser without JavaScript sends and takes them."""

import re

import pytest
from sqlalchemy import func, select

from app.db.models.prompts import Prompt, PromptSource
from app.services.data import uploads
from app.services.data.import_preview import SHOWN_PROBLEMS
from tests.live import LiveServer
from tests.web.visitor import Visitor, words_of

LOOK = "/data/import/preview"


def imported(server: LiveServer) -> int:
    with server.runtime.read() as session:
        return session.scalar(select(func.count()).where(Prompt.source == PromptSource.IMPORTED)) or 0


def test_a_file_is_shown_as_it_will_be_understood_and_then_kept(server: LiveServer, visitor: Visitor) -> None:
    pairs = b'{"prompt": "Imported <b>here</b>", "chosen": "a", "rejected": "b", "margin": 1}\n{"prompt": "Alone"}'
    looked = visitor.upload(LOOK, "pairs.jsonl", pairs)
    said = words_of(looked.text)
    assert looked.status_code == 200
    assert "This file holds 1 prompt and 1 ranking." in said
    assert "These columns are not known and will not be kept: margin." in said
    assert "A › B" in said
    assert "Imported &lt;b&gt;here&lt;/b&gt;" in looked.text
    assert imported(server) == 0, "nothing is kept before somebody says so"
    [key] = re.findall(r'name="key" value="([^"]+)"', looked.text)
    page = visitor.send("/data/import", key=key)
    assert page.status_code == 200
    assert "2 rows read: 2 new prompts and 1 new ranking. Unknown columns were not kept: margin." in words_of(page.text)
    again = visitor.send("/data/import", key=key)
    assert (again.status_code, "does not wait here any more" in again.text) == (404, True)
    assert "1 ranking was there already." in words_of(visitor.take_in("pairs.jsonl", pairs).text)
    assert "Imported &lt;b&gt;here&lt;/b&gt;" in visitor.get("/data/prompts?q=Imported")
    assert "(0 by people, 1 imported)" in words_of(visitor.get("/train"))


def test_rows_of_messages_are_ones_own_conversations_where_one_says_so(server: LiveServer, visitor: Visitor) -> None:
    said = b'{"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]}'
    looked = visitor.upload(LOOK, "chat.jsonl", said)
    assert "This file holds 1 prompt." in words_of(looked.text)
    assert "If these rows are conversations that you want to keep whole" in words_of(looked.text)
    looked = visitor.upload(LOOK, "chat.jsonl", said, as_conversations="1")
    assert "This file holds 1 conversation." in words_of(looked.text)
    form = dict(re.findall(r'type="hidden" name="(key|as_conversations)" value="([^"]+)"', looked.text))
    done = visitor.send("/data/import", fragment=False, **form)
    assert "1 row read: 1 new conversation." in words_of(done.text)
    assert "Why?" in words_of(visitor.get("/chat")), "it is this browser's"
    assert imported(server) == 0


def test_each_bad_row_is_named_by_its_line_and_nothing_can_be_kept(server: LiveServer, visitor: Visitor) -> None:
    rows = [b'{"prompt": "fine"}', b'{"promt": "x"}', b"{", b"", b'{"prompt": ""}', b'{"prompt": "fine, too"}']
    looked = visitor.upload(LOOK, "x.jsonl", b"\n".join(rows))
    said = words_of(looked.text)
    assert looked.status_code == 422
    assert "3 rows are wrong." in said
    for line in ("Line 2: its columns are not known (promt).", "Line 3: it is not valid JSON", "Line 5:"):
        assert line in said
    assert "The other rows would be 2 prompts." in said
    assert 'name="key"' not in looked.text
    assert imported(server) == 0


def test_of_many_bad_rows_the_number_of_the_others_is_told(visitor: Visitor) -> None:
    said = words_of(visitor.upload(LOOK, "x.jsonl", b'{"promt": "x"}\n' * (SHOWN_PROBLEMS + 3)).text)
    assert "And 3 more." in said


def test_a_table_with_a_mark_quotes_and_line_breaks(visitor: Visitor) -> None:
    table = b'\xef\xbb\xbfprompt,chosen,rejected\r\n"Say ""hi"",\r\nthen stop",yes,no\r\n"one","two"\r\n'
    looked = visitor.upload(LOOK, "t.csv", table)
    said = words_of(looked.text)
    assert 'Say "hi", then stop' in said
    assert "Line 4: it has not as many cells as the first line has names: 2 and not 3." in said


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"hello world\n", "Invalid input. This kind of file is not known"),
        (b'{\n  "prompt": "x"\n}\n', "Its first line is only the beginning of a JSON object."),
        (b"PK\x03\x04" + b"\0" * 100, "The file is compressed (zip)."),
        (b"PAR1" + b"\0" * 100, "The Parquet file cannot be read"),
    ],
)
def test_a_file_of_no_known_kind_is_refused_in_a_sentence(visitor: Visitor, content: bytes, says: str) -> None:
    refused = visitor.upload(LOOK, "x", content)
    assert (refused.status_code, says in words_of(refused.text)) == (422, True)


@pytest.mark.parametrize("content", [b"", b"\n", b"prompt,chosen,rejected\n", b"[]"])
def test_an_export_of_nothing_has_nothing_to_import(visitor: Visitor, content: bytes) -> None:
    looked = visitor.upload(LOOK, "votes.jsonl", content)
    assert (looked.status_code, "there is nothing to import" in looked.text, "Import it" in looked.text) == (
        200, True, False,
    )  # fmt: skip


def test_no_file(visitor: Visitor) -> None:
    for empty in (visitor.upload(LOOK, "", b""), visitor.send(LOOK, file="text")):
        assert (empty.status_code, "No file was chosen." in empty.text) == (422, True)
    for key in ("", "../fourfold.db", "0" * 32):
        assert visitor.send("/data/import", key=key).status_code == 404


def test_a_file_waits_an_hour(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "KEPT_SECONDS", -1.0)
    assert visitor.take_in("x.jsonl", b'{"prompt": "late"}').status_code == 404


def test_large_files_pass(visitor: Visitor) -> None:
    large = b"prompt\n" + b"".join(b"A prompt of a table number %d\n" % number for number in range(3_000))
    assert len(large) > 64 * 1_024
    assert "3,000 rows read: 3,000 new prompts." in words_of(visitor.take_in("t.csv", large).text)


def test_every_export_is_linked_and_answers(visitor: Visitor) -> None:
    links = re.findall(r'href="(/api/v1/export/[^"]+)"', visitor.get("/data/export"))
    assert {link.split("?")[0].rsplit("/", 1)[1] for link in links} == {
        f"{name}.{ending}"
        for name in ("prompts", "rankings", "votes", "comparisons", "vote-preferences")
        for ending in ("jsonl", "parquet")
    } | {"README.md"}
    links += re.findall(r'href="(/data/export/[^"]+)"', visitor.get("/data/export"))
    assert links[-2:] == ["/data/export/conversations.jsonl", "/data/export/conversations.parquet"]
    for link in links:
        answer = visitor.client.get(link)
        assert (answer.status_code, "attachment" in answer.headers["content-disposition"]) == (200, True)
        if ".parquet" in link:
            assert ".parquet" in answer.headers["content-disposition"]
            assert (answer.content[:4], answer.content[-4:]) == (b"PAR1", b"PAR1")
