from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import pytest

from kdops.errors import UserError
from kdops.training.recipes import EMBEDDINGS, RECIPES, STUDY_RECIPES, VANILLA, Recipe, recipe_for

GENERAL_RECIPES = ("general", "general-kd", "general-kd-unlabeled")


def changed(lower: Recipe, higher: Recipe) -> list[str]:
    return [key for key in asdict(lower) if key != "name" and vars(lower)[key] != vars(higher)[key]]


@pytest.mark.parametrize("ladder", [STUDY_RECIPES, (VANILLA.name, *GENERAL_RECIPES)])
def test_each_recipe_adds_one_thing_to_the_one_before(ladder: Sequence[str]) -> None:
    assert ladder[0] == VANILLA.name
    for lower, higher in pairwise(ladder):
        assert len(changed(RECIPES[lower], RECIPES[higher])) == 1


def test_only_the_first_rung_is_a_baseline() -> None:
    assert [name for name, recipe in RECIPES.items() if recipe.baseline] == [VANILLA.name]


def test_recipes_are_found_by_their_own_names() -> None:
    study = ["vanilla", "kd", "kd-unlabeled", "kd-unlabeled-fasttext", "kd-unlabeled-teacher"]
    assert list(STUDY_RECIPES) == study
    assert list(RECIPES) == [*study, *GENERAL_RECIPES]
    assert all(recipe.name == name for name, recipe in RECIPES.items())


def test_the_recipe_that_is_taken_where_none_is_named_is_one_of_them() -> None:
    assert RECIPES[recipe_for(pretrained=True)].general
    assert RECIPES[recipe_for(pretrained=True, unlabeled=True)].unlabeled
    assert not RECIPES[recipe_for(pretrained=False)].general


@pytest.mark.parametrize("choice", EMBEDDINGS)
def test_embeddings_can_be_chosen_for_every_recipe(choice: str) -> None:
    for recipe in RECIPES.values():
        changed = recipe.with_embeddings(choice)
        assert (changed.name, changed.distills, changed.unlabeled) == (recipe.name, recipe.distills, recipe.unlabeled)
        assert (changed.embeddings, changed.vector_file) == (choice, None)


def test_embeddings_can_be_a_vector_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "cc.id.300.vec").write_text("1 1\na 1\n", encoding="utf-8")
    assert RECIPES["kd"].with_embeddings("~/cc.id.300.vec").vector_file == tmp_path / "cc.id.300.vec"


def test_wrong_embeddings_are_named_with_the_choices(tmp_path: Path) -> None:
    choices = "choose one of: random, teacher, fasttext, or the path of a vector file"
    for wrong in ("fast-text", str(tmp_path), str(tmp_path / "no.vec"), ""):
        with pytest.raises(UserError, match=f"unknown embeddings '{wrong}'; {choices}"):
            VANILLA.with_embeddings(wrong)
