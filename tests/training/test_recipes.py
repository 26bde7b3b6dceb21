from itertools import pairwise

from kdops.training.recipes import RECIPES, VANILLA


def test_each_rung_adds_one_thing_to_the_one_before() -> None:
    rungs = list(RECIPES.values())
    assert rungs[0] is VANILLA
    for lower, higher in pairwise(rungs):
        changed = [key for key in ("distills", "unlabeled", "embeddings") if vars(lower)[key] != vars(higher)[key]]
        assert len(changed) == 1


def test_recipes_are_found_by_their_own_names() -> None:
    assert list(RECIPES) == ["vanilla", "kd", "kd-unlabeled", "kd-unlabeled-teacher"]
    assert all(recipe.name == name for name, recipe in RECIPES.items())
