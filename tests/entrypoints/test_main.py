"""Entry point `main`: both of its steps read the same data, within the same limits."""

import pytest
from typer.testing import CliRunner

import entrypoints.main
from kdops.steps.distill import step as distill
from kdops.steps.promote import step as promote
from kdops.steps.promote.contest import Decision
from kdops.tracking.registry.registered import Version


def test_both_steps_read_the_data_in_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    configs: list[distill.DistillConfig | promote.PromoteConfig] = []

    def decided(config: promote.PromoteConfig) -> Decision:
        configs.append(config)
        return Decision(True, True, Version("kdops-shop", 1, "", {}), None, "the first")

    monkeypatch.setattr(distill, "distill", configs.append)
    monkeypatch.setattr(promote, "promote", decided)

    given = {
        "dataset": "reviews.csv",
        "name": "shop",
        "text_column": "kalimat",
        "label_column": "nilai",
        "scheme": "plain",
        "drop_leaks": True,
        "max_storage_mb": 5.0,
    }
    options = [f"--{name.replace('_', '-')}={str(value).lower()}" for name, value in given.items()]
    done = CliRunner().invoke(entrypoints.main.main, options)
    assert done.exit_code == 0, done.output
    assert [type(config) for config in configs] == [distill.DistillConfig, promote.PromoteConfig]
    assert [{name: getattr(config, name) for name in given} for config in configs] == [given, given]
