import json

import pytest

pytest.importorskip("orjson", reason="the extra `serve` is not installed")

from kdops.deploy.serving.requests import MAX_BYTES, Refusal, check_content_type, read, too_large

TAKEN: dict[str, object] = {
    "inputs": {"inputs": ["a", "b"]},
    "instances": {"instances": ["a", "b"]},
    "instances as records": {"instances": [{"text": "a"}, {"text": "b"}]},
    "records": {"dataframe_records": [{"text": "a"}, {"text": "b"}]},
    "records with more": {"dataframe_records": [{"text": "a", "id": 1}, {"id": 2, "text": "b"}]},
    "a table": {"dataframe_split": {"columns": ["text"], "data": [["a"], ["b"]]}},
    "a table with more": {
        "dataframe_split": {"index": [7, 8], "columns": ["text", "id"], "data": [["a", 1], ["b", 2]]}
    },
    "a table without names": {"dataframe_split": {"data": [["a"], ["b"]]}},
    "parameters, which no model has": {"inputs": ["a", "b"], "params": {"x": 1}},
}
REFUSED: dict[str, object] = {
    "not JSON": b"{oops",
    "nothing": b"",
    "invalid UTF-8": b'{"inputs": ["\xff"]}',
    "half a character": b'{"inputs": ["\\ud800"]}',
    "JSON nested deep": b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a list": ["a"],
    "null": None,
    "no form": {"texts": ["a"]},
    "two forms": {"inputs": ["a"], "instances": ["a"]},
    "no texts": {"inputs": []},
    "null as inputs": {"inputs": None},
    "a number as inputs": {"inputs": 3},
    "two columns as inputs": {"inputs": {"text": ["a"], "id": [1]}},
    "a wrong column as inputs": {"inputs": {"title": ["a"]}},
    "records that are none": {"dataframe_records": ["a"]},
    "empty records": {"dataframe_records": [{}]},
    "a wrong first column": {"dataframe_records": [{"id": 1, "text": "a"}]},
    "a table of a wrong column": {"dataframe_split": {"columns": ["title"], "data": [["a"]]}},
    "a table of uneven rows": {"dataframe_split": {"columns": ["text"], "data": [["a", 1]]}},
    "a table that is a list": {"dataframe_split": [1]},
    "a table of rows that are none": {"dataframe_split": {"columns": ["text"], "data": ["a"]}},
    "too many texts": {"inputs": ["a"] * 10_001},
    "too many characters": {"inputs": ["a" * 5_000_001]},
    "too many characters in words": {"inputs": [["a" * 2_500_000, "b" * 2_500_001]]},
}


def content(given: object) -> bytes:
    return given if isinstance(given, bytes) else json.dumps(given).encode()


@pytest.mark.parametrize("given", TAKEN.values(), ids=TAKEN)
def test_texts_come_in_the_forms_of_mlflow(given: object) -> None:
    assert read(content(given)).inputs == ["a", "b"]


def test_one_text_need_not_be_a_list_and_lists_of_words_stay() -> None:
    assert read(b'{"inputs": "satu"}').inputs == ["satu"]
    question = read(b'{"inputs": [["di", "Medan"], ["Ani"]]}')
    assert question.inputs == [["di", "Medan"], ["Ani"]]
    assert question.characters == 10


def test_what_is_no_text_is_left_to_the_model_to_refuse() -> None:
    assert read(b'{"dataframe_records": [{"text": "a"}, {"id": 1}]}').inputs == ["a", None]


@pytest.mark.parametrize("given", REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused_with_a_reason(given: object) -> None:
    with pytest.raises(Refusal) as refused:
        read(content(given))
    assert refused.value.status == 400
    said = json.loads(refused.value.body())
    assert said["error_code"] in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE")
    assert said["message"]


def test_limits_are_told() -> None:
    with pytest.raises(Refusal, match="10001 texts of 10001 characters: a request may have 10000 texts and 5000000"):
        read(json.dumps({"inputs": ["a"] * 10_001}).encode())
    assert too_large(MAX_BYTES + 1).status == 413


@pytest.mark.parametrize("kind", ["", "application/json", "Application/JSON; charset=UTF-8"])
def test_json_in_utf8_is_taken(kind: str) -> None:
    check_content_type(kind)


@pytest.mark.parametrize("kind", ["text/csv", "application/json; charset=latin-1", "application/vnd.apache.parquet"])
def test_other_content_is_not(kind: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_content_type(kind)
    assert refused.value.status == 415


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [{"text": "a", "text_pair": "b"}]},
        {"dataframe_records": [{"text": "a", "text_pair": "b", "id": 1}]},
        {"dataframe_split": {"columns": ["text", "text_pair"], "data": [["a", "b"]]}},
    ],
)
def test_pairs(body: dict[str, object]) -> None:
    question = read(json.dumps(body).encode())
    assert question.inputs == [{"text": "a", "text_pair": "b"}]
    assert question.characters == 2
