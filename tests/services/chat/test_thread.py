"""The path through a tree of turns: which alternatives are shown, and what the versions read of it."""

from app.db.models.conversations import Conversation, Turn, TurnRole, TurnStatus
from app.services.chat.thread import Thread, chosen_turns, messages_of, turns_before


def turn(turn_id: int, parent_id: int | None, text: str = "", **more: object) -> Turn:
    role = TurnRole.USER if text.endswith("?") else TurnRole.ASSISTANT
    values: dict[str, object] = {"alternative": 1, "side": 0, "is_current": True, "is_chosen": False}
    status = TurnStatus.DONE
    return Turn(id=turn_id, parent_id=parent_id, text=text, role=role, status=status, **{**values, **more})


def path(turns: list[Turn]) -> list[int]:
    return [each.id for step in Thread(turns).steps for each in step.turns]


CONVERSATION = Conversation(system="")


def test_the_current_alternative_is_shown_and_the_newest_where_none_is() -> None:
    edited = turn(3, None, "Who?", alternative=2)
    turns = [turn(1, None, "Why?", is_current=False), turn(2, 1, "Because."), edited, turn(4, 3, "Nobody.")]
    assert path(turns) == [3, 4]
    turns[0].is_current, edited.is_current = True, False
    assert path(turns) == [1, 2]
    turns[0].is_current = False
    assert path(turns) == [3, 4]


def test_a_step_names_its_alternatives() -> None:
    turns = [
        turn(1, None, "A?", is_current=False),
        turn(2, None, "B?", alternative=2),
        turn(3, None, "C?", alternative=3),
    ]
    turns[2].is_current = False
    [step] = Thread(turns).steps
    assert (step.number, len(step.alternatives)) == (2, 3)
    assert step.former is turns[0]
    assert step.later is turns[2]


def test_of_two_answers_nothing_follows_until_one_is_chosen() -> None:
    pair = [turn(2, 1, "left"), turn(3, 1, "right", side=1)]
    turns = [turn(1, None, "Why?"), *pair, turn(4, 3, "And?"), turn(5, 4, "So.")]
    thread = Thread(turns)
    assert path(turns) == [1, 2, 3]
    assert thread.head_id == 2
    assert [each.id for each in chosen_turns(thread.steps)] == [1]
    pair[1].is_chosen = True
    assert path(turns) == [1, 2, 3, 4, 5]
    assert [each.id for each in chosen_turns(Thread(turns).steps)] == [1, 3, 4, 5]
    assert [each.id for each in turns_before(turns, turns[-1])] == [1, 3, 4]


def test_what_follows_a_turn_goes_with_it_whatever_is_shown() -> None:
    turns = [
        turn(1, None, "Why?"),
        turn(2, 1, "a", is_current=False),
        turn(3, 1, "b", alternative=2),
        turn(4, 2, "And?"),
    ]
    assert {each.id for each in Thread(turns).below(turns[0])} == {1, 2, 3, 4}
    assert {each.id for each in Thread(turns).below(turns[1])} == {2, 4}


def test_the_versions_read_the_system_line_and_what_was_not_left_out() -> None:
    turns = [turn(1, None, "A?"), turn(2, 1, "a"), turn(3, 2, "B?"), turn(4, 3, "b")]
    conversation = Conversation(system="Be brief.")
    assert [each["content"] for each in messages_of(conversation, turns, reads_from=3)] == ["Be brief.", "B?", "b"]
    assert len(messages_of(conversation, turns, reads_from=99)) == 5
    assert Thread(turns).left_out(3) == 2
    assert Thread(turns).left_out(99) == 0


def test_an_answer_that_holds_nothing_is_no_message() -> None:
    turns = [turn(1, None, "A?"), turn(2, 1, ""), turn(3, 2, "B?")]
    assert messages_of(CONVERSATION, turns, reads_from=None) == [{"role": "user", "content": "A?\n\nB?"}]
