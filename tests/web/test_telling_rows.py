"""The few rankings that say most, and what is said of chosen cards."""

from app.db.models.groups import ChosenBy
from app.db.models.rankings import Ranking
from app.preferences import Influence
from app.services.views.telling_rankings import Telling, TellingRankings
from app.web.telling_rows import chosen_sentence, telling_rows


def test_each_side_has_its_figures_or_says_that_there_is_none() -> None:
    one, other = Ranking(id=7), Ranking(id=8)
    helped = [Telling(one, Influence(-0.0125, 0.001), 0.5)]
    rows = telling_rows(TellingRankings(helped, [], [Telling(other, None, 1.2345)]))
    assert [each.rows for each in rows] == [[(one, "−0.013 ± 0.002")], [], [(other, "1.23")]]
    assert rows[1].none == "None of yours made it worse."
    assert telling_rows(TellingRankings()) == []


def test_what_chance_could_do_is_not_told_as_help() -> None:
    [helped, *_] = telling_rows(TellingRankings([Telling(Ranking(id=7), Influence(-0.01, 0.01), None)], [], []))
    assert [said for _ranking, said in helped.rows] == ["−0.01 ± 0.02, no more than chance"]


def test_nothing_is_claimed_to_be_saved_and_nothing_said_where_no_card_was_chosen() -> None:
    assert chosen_sentence({ChosenBy.AS_IT_CAME: 9, ChosenBy.CONTROL: 2}) == ""
    said = chosen_sentence({ChosenBy.EXPECTED_GAIN: 8, ChosenBy.CONTROL: 2})
    assert said.startswith(
        "Of the newest rankings 8 are of cards that were chosen because much was expected of them, 2 of "
    )
    assert "cannot be said" in said
    assert chosen_sentence({ChosenBy.EXPECTED_GAIN: 1}).startswith(
        "Of the newest rankings 1 is of a card that was chosen"
    )
