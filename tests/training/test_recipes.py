from itertools import pairwise
from pathlib import Path

import pytest

from kdops.errors import UserError
from kdops.training.recipes import EMBEDDINGS, RECIPES, VANILLA


def test_each_rung_adds_one_thing_to_the_one_before() -> None:
    rungs = list(RECIPES.values())
    assert rungs[0] is VANILLA
    for lower, higher in pairwise(rungs):
        changed = [key for key in ("distills", "unlabeled", "embeddings") if vars(lower)[key] != vars(higher)[key]]
        assert len(changed) == 1


def test_recipes_are_found_by_their_own_names() -> None:
    assert list(RECIPES) == ["vanilla", "kd", "kd-unlabeled", "kd-unlabeled-fasttext", "kd-unlabeled-teacher"]
    assert all(recipe.name == name for name, recipe in RECIPES.items())


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
