import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from bundles import write_mean_bundle

pytest.importorskip("orjson", reason="the extra `serve` is not installed")

from kdops.deploy.predictor import Predictor
from kdops.deploy.serving.batches import MOST_TEXTS, MOST_WAITING, Batcher
from kdops.deploy.serving.requests import Refusal

TEXTS = ["nasi goreng", "enak", "tidak enak", "", "nasi"]


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return Predictor.load(write_mean_bundle(tmp_path_factory.mktemp("batches") / "bundle"))


class Slow:
    """A model that takes its time for each batch, and counts them."""

    def __init__(self, predictor: Predictor, batch_s: float) -> None:
        self._predictor, self._batch_s = predictor, batch_s

    def __getattr__(self, name: str) -> Any:
        return getattr(self._predictor, name)

    def run(self, encoded: Sequence[Any]) -> Any:
        time.sleep(self._batch_s)
        return self._predictor.run(encoded)


def run(predictor: Any, work: Callable[[Batcher], Any]) -> tuple[Any, list[int]]:
    """The result of the work, and the size of each batch."""
    sizes: list[int] = []

    async def main() -> Any:
        batcher = Batcher(lambda: predictor, sizes.append)
        try:
            return await work(batcher)
        finally:
            batcher.close()

    return asyncio.run(main()), sizes


def test_requests_that_wait_go_together_and_get_their_own_answers(predictor: Predictor) -> None:
    async def ask(batcher: Batcher) -> list[Any]:
        return await asyncio.gather(*(batcher.predict([text, "enak"]) for text in TEXTS))

    answers, sizes = run(predictor, ask)
    assert answers == [predictor.predict([text, "enak"]) for text in TEXTS]
    assert sizes == [2 * len(TEXTS)]


def test_a_text_that_the_model_does_not_take_spoils_no_other_request(predictor: Predictor) -> None:
    async def ask(batcher: Batcher) -> list[Any]:
        asked = [["enak"], ["nasi", 3], ["nasi"]]
        return await asyncio.gather(*map(batcher.predict, asked), return_exceptions=True)

    (first, second, third), sizes = run(predictor, ask)
    assert [first, third] == [predictor.predict(["enak"]), predictor.predict(["nasi"])]
    assert isinstance(second, Refusal)
    assert (second.status, second.message) == (400, "input 1: text-classification takes texts, not 3")
    assert sizes == [4]


def test_the_place_of_a_wrong_text_is_that_in_its_request(predictor: Predictor) -> None:
    with pytest.raises(Refusal, match="input 99: "):
        run(predictor, lambda batcher: batcher.predict(["nasi"] * 99 + [None]))


def test_a_large_request_is_answered_whole_and_in_turn_with_small_ones(predictor: Predictor) -> None:
    large = [TEXTS[at % len(TEXTS)] for at in range(1_000)]
    finished: list[str] = []

    async def ask(batcher: Batcher) -> list[Any]:
        async def one(name: str, texts: list[str]) -> list[Any]:
            answers = await batcher.predict(texts)
            finished.append(name)
            return answers

        return await asyncio.gather(one("large", large), one("small", ["enak"]))

    (many, few), sizes = run(predictor, ask)
    assert many == predictor.predict(large)
    assert few == predictor.predict(["enak"])
    assert finished == ["small", "large"]
    assert max(sizes) <= MOST_TEXTS


def test_the_loop_goes_on_while_a_slow_model_computes(predictor: Predictor) -> None:
    async def ask(batcher: Batcher) -> float:
        waiting = asyncio.create_task(batcher.predict(["enak"]))
        longest, last = 0.0, time.perf_counter()
        while not waiting.done():
            await asyncio.sleep(0.01)
            longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
        return longest

    longest, _ = run(Slow(predictor, 1.0), ask)
    assert longest < 0.8


def test_more_than_may_wait_is_refused_and_all_else_answered(predictor: Predictor) -> None:
    async def ask(batcher: Batcher) -> tuple[list[Any], int]:
        asked = [["enak"] * (MOST_WAITING // 2)] * 2 + [["nasi"]]
        answers = await asyncio.gather(*map(batcher.predict, asked), return_exceptions=True)
        return answers, batcher.waiting

    (answers, waiting), _ = run(predictor, ask)
    assert [len(answer) for answer in answers[:2]] == [MOST_WAITING // 2] * 2
    assert isinstance(answers[2], Refusal)
    assert answers[2].status == 503
    assert waiting == 0


def test_who_goes_away_is_left_out(predictor: Predictor) -> None:
    async def ask(batcher: Batcher) -> list[Any]:
        gone = asyncio.create_task(batcher.predict(["nasi"]))
        await asyncio.sleep(0)
        gone.cancel()
        return await batcher.predict(["enak"])

    answers, sizes = run(predictor, ask)
    assert answers == predictor.predict(["enak"])
    assert sizes == [1]


def test_a_failure_of_the_model_is_told_to_all_and_the_next_are_answered(tmp_path: Path, predictor: Predictor) -> None:
    class Broken(Slow):
        broken = True

        def run(self, encoded: Sequence[Any]) -> Any:
            if self.broken:
                raise RuntimeError("no memory")
            return super().run(encoded)

    model = Broken(predictor, 0)

    async def ask(batcher: Batcher) -> list[Any]:
        first = await asyncio.gather(batcher.predict(["a"]), batcher.predict(["b"]), return_exceptions=True)
        model.broken = False
        return [*first, await batcher.predict(["enak"])]

    (*failed, answer), _ = run(model, ask)
    assert [str(one) for one in failed] == ["no memory", "no memory"]
    assert answer == predictor.predict(["enak"])
