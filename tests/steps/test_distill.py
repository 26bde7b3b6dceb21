from pathlib import Path

import pytest
from taught import Taught

from entrypoints import cli
from kdops.data.checks import inspect
from kdops.data.raw import DataOptions
from kdops.deploy.bundle import FP32, write_bundle
from kdops.deploy.predictor import BundleInfo
from kdops.errors import UserError
from kdops.steps.distill import DistillConfig, _Job
from kdops.steps.promote import PromoteConfig
from kdops.steps.setup import CheckedCorpus, DataConfig, TrainingDataConfig
from kdops.steps.summary import Distilled
from kdops.steps.teacher_training import TeacherConfig
from kdops.steps.variants import Variant
from kdops.tracking import names, registry, runs
from kdops.tracking.names import Role
from kdops.training.recipes import RECIPES

COSTS = {
    "cost.latency_p50_ms": 4.0,
    "cost.latency_p95_ms": 8.0,
    "cost.cpu_ms_per_text": 2.0,
    "cost.ram_peak_mb": 400.0,
    "cost.storage_mb": 440.0,
    "cost.parameters": 110_000_000.0,
}
RATIOS = {"ratio.latency": 20.0, "ratio.cpu": 10.0, "ratio.ram": 4.0, "ratio.storage": 40.0}
# As MLproject passes them, none of them its default.
EVERY_DATA_PARAMETER = {
    "dataset": "reviews.csv",
    "name": "shop",
    "text_column": "2",
    "label_column": "mood",
    "scheme": "iob1",
    "drop_leaks": "true",
    "teacher": "scratch",
    "unlabeled": "augmented",
    "unlabeled_max": "100",
    "length_filter": "false",
}


class TestConfig:
    def test_the_words_of_mlproject_are_read(self) -> None:
        config = cli.settings(
            DistillConfig, dataset="smsa", trials="3", learning_rate="2e-5", seed="default", force="true"
        )
        assert config == DistillConfig(dataset="smsa", trials=3, learning_rate=2e-5, force=True)

    def test_every_recipe_can_be_asked_for(self) -> None:
        for recipe in RECIPES:
            assert cli.settings(DistillConfig, recipe=recipe).recipe == recipe
        with pytest.raises(UserError, match="choose one of: " + ", ".join(RECIPES)):
            cli.settings(DistillConfig, recipe="none")

    def test_its_teacher_is_the_one_that_train_teacher_makes(self) -> None:
        assert DistillConfig().teacher_config == TeacherConfig()
        config = DistillConfig(dataset="smsa", teacher_epochs=3, learning_rate=1e-5, max_length=64, seed=7, epochs=2)
        expected = TeacherConfig(dataset="smsa", epochs=3, learning_rate=1e-5, max_length=64, seed=7)
        assert config.teacher_config == expected

    def test_its_teacher_reads_the_same_data(self) -> None:
        assert EVERY_DATA_PARAMETER.keys() == TrainingDataConfig.model_fields.keys()
        config, of_teacher = (cli.settings(kind, **EVERY_DATA_PARAMETER) for kind in (DistillConfig, TeacherConfig))
        for name, field in TrainingDataConfig.model_fields.items():
            assert getattr(config, name) == getattr(of_teacher, name) != field.default
        assert config.teacher_config == of_teacher
        assert config.options == of_teacher.options

    def test_data_is_promoted_as_it_was_read(self) -> None:
        data = {name: EVERY_DATA_PARAMETER[name] for name in DataConfig.model_fields}
        promoted = cli.settings(PromoteConfig, **data)
        assert promoted.options == cli.settings(DistillConfig, **data).options
        expected = DataOptions("shop", text_column="2", label_column="mood", scheme="iob1", drop_leaks=True)
        assert promoted.options == expected
        # Splits that are made depend on a seed: it must not be the seed of training, which promote does not know.
        assert DistillConfig(seed=7).options == DistillConfig().options == PromoteConfig().options

    def test_its_budget_is_what_changes_a_student(self) -> None:
        budget = DistillConfig(student="cnn", init="random", epochs=4, patience=2, batch_size=8, seed=3).budget
        assert budget.described == {
            **{"student": "cnn", "init": "random", "trials": 4, "epochs": 4, "patience": 2},
            **{"batch_size": 8, "seed": 3, "workers": 1, "force": False},
        }
        longer = budget.over_fewer_rows(3)
        assert (longer.epochs, longer.patience) == (12, 6)
        assert longer.over_fewer_rows(1) == longer

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("unlabeled_max", "0", "unlabeled_max=0: Input should be greater than or equal to 1"),
            ("workers", "0", "workers=0: Input should be greater than or equal to 1"),
            ("drop_leaks", "some", "drop_leaks=some: Input should be a valid boolean"),
            ("init", "fasttext", "unknown init 'fasttext'; choose one of: random, teacher"),
            ("precision", "int4", "unknown precision 'int4'; choose one of: fp32, int8, auto"),
            ("scheme", "bio", "unknown scheme 'bio'; choose one of: auto, iob1, iob2, iobes, plain"),
        ],
    )
    def test_each_wrong_value_is_one_line(self, name: str, value: str, message: str) -> None:
        with pytest.raises(UserError) as caught:
            cli.settings(DistillConfig, **{name: value})
        assert str(caught.value).startswith(message)
        assert "\n" not in str(caught.value)

    def test_passwords_stay_out_of_what_is_logged(self) -> None:
        config = DistillConfig(storage="postgresql://user:secret@host/studies")
        assert "secret" not in str(config.model_dump())
        assert "secret" not in str(config.budget.described)
        assert config.budget.storage == "postgresql://user:secret@host/studies"


class TestRegistration:
    """Of work that is finished, whatever became of the run that finished it."""

    @pytest.fixture
    def bundle(self, taught: Taught, tmp_path: Path) -> Path:
        corpus, teacher = taught.corpus, taught.teacher.model
        info = BundleInfo(
            task=corpus.task, labels=corpus.labels, max_length=32, pad_id=teacher.pad_id, student="bert-tiny",
            dataset=corpus.name, licence=corpus.licence, teacher="scratch", recipe="kd", precision=FP32,
            main_metric=corpus.main_metric, main_metric_value=0.7, fingerprint="0123",
        )  # fmt: skip
        return write_bundle(tmp_path / "bundle", model=teacher.model, tokenizer=teacher.tokenizer, info=info)

    def test_the_same_work_is_one_version_unless_forced(self, taught: Taught, bundle: Path, tracking_uri: str) -> None:
        runs.connect()

        def register(work: str, *, force: bool = False) -> int:
            config = DistillConfig(dataset=str(taught.folder), student="bert-tiny", recipe="kd", force=force)
            checked = CheckedCorpus(taught.corpus, inspect(taught.corpus))
            with runs.tracked(Role.STUDENT, "bert-tiny") as run:
                run.metrics(COSTS | {"val.f1_macro": 0.7, "test.f1_macro": 0.7, names.F1_RETAINED: 0.9})
                job = _Job(run, checked, None, config, config.rung)
                return job._register(taught.teacher, Variant(FP32, bundle), work)

        assert [register("feed"), register("feed")] == [1, 1]
        assert registry.versions(taught.corpus.name)[0].tags[names.FINGERPRINT] == "feed"
        assert register("feed", force=True) == 2
        assert register("beef") == 3


class TestSummary:
    @staticmethod
    def distilled(**student: float) -> Distilled:
        small = {name: value / 10 for name, value in COSTS.items()}
        return Distilled(
            dataset="smsa",
            main_metric="f1_macro",
            run_id="0123",
            teacher=COSTS | {"test.f1_macro": 0.8},
            baseline=small | {"test.f1_macro": 0.7},
            student=small | RATIOS | {"test.f1_macro": 0.76, "test.f1_retained": 0.95} | student,
            version=3,
            precision="int8",
            reused=False,
        )

    def test_the_table_has_a_row_a_figure(self) -> None:
        head, _, *rows = self.distilled(**{"test.kd_gain": 6.0}).table().splitlines()
        assert head.split("  ")[-1] == "teacher / student"
        assert [row.split("  ")[0] for row in rows[:7]] == [
            *("test f1_macro", "latency p50, ms", "latency p95, ms", "CPU a text, ms"),
            *("RAM peak, MB", "storage, MB", "parameters, M"),
        ]
        assert rows[0].split()[2:] == ["0.8000", "0.7000", "0.7600"]
        assert rows[4].split()[3:] == ["400", "40", "40", "4.0", "x"]
        assert rows[6].split()[2:] == ["110.00", "11.00", "11.00"]
        assert {len(row) for row in rows[:7]} == {len(head)}
        assert rows[-1] == "The student keeps 95.0% of the teacher's f1_macro; distillation brought +6.00 points."

    def test_a_student_without_distillation_gained_nothing_by_it(self) -> None:
        assert self.distilled().table().endswith("The student keeps 95.0% of the teacher's f1_macro.")

    def test_it_says_what_was_registered_and_where_to_look(self) -> None:
        told = str(self.distilled())
        assert "registered: kdops-smsa version 3, alias challenger" in told
        assert "precision: int8\n" in told
        assert "run: 0123\n" in told
        assert "look at the runs: mlflow ui --backend-store-uri sqlite:///" in told

    def test_both_precisions_are_told(self) -> None:
        costs = {"fp32.cost.latency_p50_ms": 0.5, "int8.cost.latency_p50_ms": 0.25, "int8.label_agreement": 0.999}
        expected = "precision: int8 (fp32 0.500 ms p50, int8 0.250 ms p50, int8 gives 99.90% of fp32's labels)\n"
        assert expected in str(self.distilled(**costs))
