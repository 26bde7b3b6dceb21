"""Names of data sets are made of their letters, in any script, and no two data sets have one."""

import re

import pytest

from kdops.data.names import own_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/x/My Reviews!", "my-reviews"),
        ("/x/reviews.csv", "reviews"),
        ("/x/reviews.csv.gz", "reviews"),
        ("/x/smsa.csv", "smsa-file"),
        ("owner/reviews", "owner-reviews"),
    ],
)
def test_plain_names(path: str, name: str) -> None:
    assert own_name(path, None) == name


@pytest.mark.parametrize(
    ("path", "letters"),
    [
        ("/x/отзывы.csv", "otzyvy"),
        ("/x/новости.csv", "novosti"),
        ("/x/Über Größe.csv", "uber-grosse"),
        ("/x/さくら.csv", "sakura"),
        ("/x/서울.csv", "seoul"),
        ("/x/评论.csv", "dataset"),
        ("/x/新闻.csv", "dataset"),
        ("/x/!!!.csv", "dataset"),
    ],
)
def test_other_scripts_are_written_in_latin_letters_with_a_hash(path: str, letters: str) -> None:
    assert re.fullmatch(rf"{letters}-[0-9a-f]{{6}}", own_name(path, None))
    assert own_name(path, None) == own_name(f"/elsewhere/{path.rpartition('/')[2]}", None)


def test_no_two_of_them_have_one_name() -> None:
    names = ["评论", "新闻", "отзывы", "новости", "!!!", "???", "café", "cafe", "समीक्षा", "تقييمات"]
    assert len({own_name(f"/x/{name}.csv", None) for name in names}) == len(names)
    assert all(re.fullmatch(r"[a-z0-9-]+", own_name(f"/x/{name}.csv", None)) for name in names)


def test_composed_and_decomposed_accents_are_one_name() -> None:
    assert own_name("/x/cafe\u0301.csv", None) == own_name("/x/caf\u00e9.csv", None)


def test_a_chosen_name_is_made_safe_too() -> None:
    assert own_name("/x/a.csv", "Ulasan Toko") == "ulasan-toko"
    assert re.fullmatch(r"otzyvy-[0-9a-f]{6}", own_name("/x/a.csv", "Отзывы"))
