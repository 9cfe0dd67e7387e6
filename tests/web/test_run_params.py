"""A run's parameters in words: what differs from the usual ones is seen at once."""

from app.web.run_params import difference, settings_of, typed_params


def changed(kind: str, **params: object) -> list[str]:
    return [setting.sentence for setting in settings_of(kind, params) if setting.changed]


def test_what_differs_stands_first_with_both_values() -> None:
    assert changed("train_policy") == []
    assert changed("train_policy", seed=0, kl_coef=0.0, kl_target=None) == [
        "kl_coef 0.1 → 0", "kl_target 3 → none (the coefficient stays fixed)",
    ]  # fmt: skip
    settings = settings_of("train_policy", {"seed": 5, "from": "active", "reward_version_id": 3})
    assert [each.name for each in settings[:3]] == ["reward_version_id", "from", "seed"]
    assert [each.sentence for each in settings[:2]] == ["reward_version_id 3", "from sft → active"]
    assert settings[2].gloss == "Seed of all random choices."
    rate = next(each for each in settings if each.name == "learning_rate")
    assert (rate.value, rate.changed) == ("by the model's size", False)


def test_the_cheat_is_told_beside_the_training_whose_preset_it_is() -> None:
    said = changed("show_cheating")
    assert {"kl_coef 0.1 → 0", "total_episodes by the model's size → 2,048"} <= set(said)


def test_a_kind_that_nobody_knows_has_no_settings() -> None:
    assert settings_of("train_later", {"beta": 1}) == []


def test_what_stands_in_a_form_is_read_as_it_was() -> None:
    assert typed_params({"kl_target": None, "move_back": False, "seed": 7, "learning_rate": 4e-4, "from": "sft"}) == {
        "kl_target": "none", "move_back": "false", "seed": "7", "learning_rate": "0.0004", "from": "sft",
    }  # fmt: skip


def test_only_what_differs_between_runs_is_told() -> None:
    runs = [
        ("Run 1", settings_of("train_policy", {"seed": 1})),
        ("Run 2", settings_of("train_policy", {"seed": 1, "kl_coef": 0.4, "reward_version_id": 3})),
    ]
    assert difference(runs) == [("kl_coef", ["0.1", "0.4"]), ("reward_version_id", ["as usual", "3"])]
    assert difference(runs[:1]) == []
