import pytest

from kdops.tracking import host, names


@pytest.mark.parametrize(
    ("dataset", "model"),
    [
        ("sample", "kdops-sample"),
        ("sample-tags", "kdops-sample-tags"),
        ("indonlp/NusaX: senti", "kdops-indonlp-NusaX-senti"),
    ],
)
def test_registered_models_are_named_after_their_dataset(dataset: str, model: str) -> None:
    assert names.registered_model_name(dataset) == model


def test_host_facts_say_what_numbers_depend_on() -> None:
    facts = host.facts()
    assert int(facts[names.HOST_CORES]) >= 1
    assert float(facts[names.HOST_MEMORY_GB]) > 0.1
    assert facts[names.HOST_CPU]
    assert {"version.python", "version.kdops", "version.torch", "version.onnxruntime", "version.mlflow"} <= facts.keys()
