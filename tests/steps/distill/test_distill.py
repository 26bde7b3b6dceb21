from dataclasses import replace
from pathlib import Path

import pytest
from distillations import distilled, result

from entrypoints import cli
from kdops.data.corpus import load_corpus
from kdops.data.one_answer import ConstantAnswer
from kdops.data.raw import DataOptions
from kdops.errors import UserError
from kdops.measure.steadiness import Steadiness
from kdops.number_text import Interval
from kdops.steps.data_config import DataConfig, TrainingDataConfig
from kdops.steps.distill.config import DistillConfig
from kdops.steps.distill.result import DistilledStudent
from kdops.steps.promote.config import PromoteConfig
from kdops.steps.student.budget import Search
from kdops.steps.student.trials import search_space
from kdops.steps.teacher.config import TeacherConfig
from kdops.task import Task
from kdops.training.recipes import RECIPES
from kdops.workspace import load_result, save_result

# As MLproject passes them, none of them its default.
EVERY_DATA_PARAMETER = {
    "dataset": "reviews.csv",
    "name": "shop",
    "text_column": "2",
    "label_column": "mood",
    "scheme": "iob1",
    "task": "text-classification",
    "separator": ";",
    "drop_leaks": "true",
    "teacher": "one,two",
    "labels": "teacher",
    "max_length": "64",
    "teacher_mode": "as_is",
    "teacher_precision": "fp32",
    "system_metrics": "true",
    "teacher_seeds": "3",
    "label_names": "LABEL_0=good",
    "teacher_missing": "gold",
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
        with pytest.raises(UserError, match="choose one of: auto, " + ", ".join(RECIPES)):
            cli.settings(DistillConfig, recipe="none")

    def test_its_teacher_is_the_one_that_train_teacher_makes(self) -> None:
        assert DistillConfig().teacher_config == TeacherConfig()
        config = DistillConfig(dataset="smsa", teacher_epochs=3, learning_rate=1e-5, max_length=64, seed=7, epochs=2)
        expected = TeacherConfig(dataset="smsa", epochs=3, learning_rate=1e-5, max_length=64, seed=7)
        assert config.teacher_config == expected

    def test_students_of_several_seeds_may_share_a_teacher(self) -> None:
        teachers = [DistillConfig(seed=seed, teacher_seed=5).teacher_config for seed in (1, 2)]
        assert teachers == [TeacherConfig(seed=5)] * 2

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
        expected = DataOptions(
            "shop", text_column="2", label_column="mood", scheme="iob1", task=Task.TEXT, separator=";", drop_leaks=True
        )
        assert promoted.options == expected
        # Splits that are made depend on a seed: it must not be the seed of training, which promote does not know.
        assert DistillConfig(seed=7).options == DistillConfig().options == PromoteConfig().options

    @pytest.mark.parametrize(
        ("rows", "given", "epochs", "patience"),
        [
            (20_000, {}, 10, 3),
            (128_000, {}, 5, 3),
            (10_000_000, {}, 3, 3),
            (320, {}, 200, 66),
            (320, {"batch_size": 16}, 100, 33),
            (320, {"patience": 5}, 200, 5),
            (320, {"epochs": 4}, 4, 3),
        ],
    )
    def test_little_data_are_read_more_often(
        self, rows: int, given: dict[str, int], epochs: int, patience: int
    ) -> None:
        budget = DistillConfig(recipe="kd", **given).budget(rows)
        assert (budget.epochs, budget.patience) == (epochs, patience)

    def test_its_budget_is_what_changes_a_student(self) -> None:
        budget = DistillConfig(
            recipe="kd", student="cnn", init="random", epochs=4, patience=2, batch_size=8, seed=3
        ).budget(1_000)
        assert budget.described == {
            **{"student": "cnn", "init": "random", "residual": False, "trials": 4, "epochs": 4, "patience": 2},
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
            ("init", "fasttext", "unknown init 'fasttext'; choose one of: auto, random, teacher, general"),
            ("temperature", "hot", "temperature=hot: give a number, or the ends of a range as in 1..5"),
            ("temperature", "5..1", "temperature=5..1: the range ends before it begins"),
            ("gold_weight", "nan", "gold_weight=nan: it must be finite"),
            ("gold_weight", "2", "gold_weight=2: it must lie between 0 and 1"),
            ("soft_loss", "dkd", "unknown soft_loss 'dkd'; choose one of: auto, kl, mse"),
            ("precision", "int4", "unknown precision 'int4'; choose one of: fp32, int8, auto"),
            ("scheme", "bio", "unknown scheme 'bio'; choose one of: auto, iob1, iob2, iobes, plain"),
        ],
    )
    def test_each_wrong_value_is_one_line(self, name: str, value: str, message: str) -> None:
        with pytest.raises(UserError) as caught:
            cli.settings(DistillConfig, **{name: value})
        assert str(caught.value).startswith(message)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (
                {"recipe": "general", "temperature": "2"},
                "recipe=general learns from gold labels alone: temp",
            ),
            ({"recipe": "vanilla", "soft_loss": "kl", "gold_weight": "0.5"}, "alone: soft_loss, gold_weight would do"),
            ({"recipe": "kd", "soft_loss": "mse", "temperature": "1..5"}, "soft_loss=mse has no temperature"),
            ({"recipe": "kd", "vocabulary_size": "500"}, "teacher's tokens: vocabulary_size would do nothing"),
            ({"recipe": "kd", "general_encoder": "owner/name"}, "no general distillation: general_encoder would do"),
        ],
    )
    def test_choices_that_would_do_nothing_are_refused(self, given: dict[str, str], message: str) -> None:
        sample = load_corpus("sample")
        with pytest.raises(UserError, match=message):
            cli.settings(DistillConfig, **given).check_used(sample)
        used = cli.settings(DistillConfig, recipe="kd", soft_loss="kl", temperature="1..5", gold_weight="0.5")
        used.check_used(sample)

    def test_what_is_fixed_is_another_study(self) -> None:
        fixed = cli.settings(DistillConfig, recipe="kd", soft_loss="kl", temperature="2", gold_weight="0.2..0.5")
        assert fixed.search == Search("kl", (2.0, 2.0), (0.2, 0.5), None)
        assert fixed.budget(1_000) != DistillConfig(recipe="kd").budget(1_000)
        space = search_space(fixed.budget(1_000), RECIPES["kd"])
        assert (space.soft_losses, space.temperatures, space.gold_weights) == (("kl",), (2.0, 2.0), (0.2, 0.5))

    def test_passwords_stay_out_of_what_is_logged(self) -> None:
        config = DistillConfig(recipe="kd", storage="postgresql://user:secret@host/studies")
        assert "secret" not in str(config.model_dump())
        assert "secret" not in str(config.budget(1_000).described)
        assert config.budget(1_000).storage == "postgresql://user:secret@host/studies"


class TestSummary:
    def test_the_table_has_a_row_for_each_figure(self) -> None:
        head, _, *rows = distilled().table().splitlines()
        assert head.split("  ")[-1] == "teacher / student"
        assert [row.split("  ")[0] for row in rows[:7]] == [
            *("test f1_macro", "latency p50, ms", "latency p95, ms", "CPU per text, ms"),
            *("RAM peak, MB", "storage, MB", "parameters, M"),
        ]
        assert head.split("  ")[-6:-1] == ["teacher fp32", "teacher int8", "linear", "baseline int8", "student int8"]
        assert rows[0].split()[2:] == ["0.800", "0.790", "0.600", "0.700", "0.760"]
        assert rows[1].split()[3:] == ["4.000", "2.000", "0.250", "0.250", "16.0", "x"]
        assert rows[6].split()[2:] == ["110.00", "110.00", "11.00", "11.00"]
        assert {len(row) for row in rows[:7] if row.endswith(" x")} == {len(head)}
        assert rows[-2] == (
            "costs: median of 3 turns, each in a fresh process; latency and CPU time of their middle half differ by up "
            "to 4%; other processes kept 0.2 cores busy"
        )
        assert rows[-1] == (
            "bilstm int8 keeps 95.0% of the teacher's test f1_macro (95 %: 90.0% to 99.0%); it is 6.0 points above "
            "its baseline (95 %: 2.0 to 10.0)."
        )

    def test_a_gain_within_noise_is_none(self) -> None:
        noise = replace(result(), retained=Interval(0.98, 0.93, 1.02), gain=Interval(1.0, -3.0, 5.0))
        assert noise.verdict == (
            "bilstm int8 keeps 98.0% of the teacher's test f1_macro (95 %: 93.0% to 102.0%, no difference seen); "
            "no difference to its baseline is seen (+1.0 points, 95 %: -3.0 to +5.0)."
        )

    def test_a_loss_by_distillation_is_told_as_one(self) -> None:
        lost = replace(result(), gain=Interval(-4.0, -7.0, -1.0)).verdict
        assert lost.endswith("; it is 4.0 points below its baseline (95 %: 1.0 to 7.0).")

    def test_a_student_or_a_teacher_that_learned_nothing_is_of_no_use(self) -> None:
        made = replace(result(), constant=ConstantAnswer("good", 0.9951, "texts"))
        assert made.verdict == (
            "Of no use yet: the student learned nothing (it answers 'good' for 99.5% of the validation texts); more "
            "epochs or another learning rate may help."
        )
        told = str(replace(distilled(), result=made, challenger=None))
        assert "registered: kdops-smsa version 3; not challenger, since it learned nothing\n" in told
        assert made.in_short.startswith("learned nothing, ")
        both = replace(made, teacher=replace(made.teacher, constant=ConstantAnswer("O", 1.0, "words")))
        assert both.verdict.startswith(
            "Of no use yet: the teacher learned nothing (it answers 'O' for 100.0% of the validation words) and the "
            "student learned nothing "
        )

    def test_a_busy_machine_is_told_of(self) -> None:
        assert str(Steadiness(3, 0.3, 1.5)).endswith(
            "differ by up to 30%; other processes kept 1.5 cores busy: measure again on a quieter machine"
        )

    def test_a_student_without_distillation_gained_nothing_by_it(self) -> None:
        table = distilled(baseline=None).table()
        assert table.endswith("keeps 95.0% of the teacher's test f1_macro (95 %: 90.0% to 99.0%).")
        assert "baseline" not in table.splitlines()[0]

    def test_a_linear_model_that_is_no_worse_is_named(self) -> None:
        assert "linear model" not in replace(distilled(), result=result(linear=0.779)).table()
        told = replace(distilled(), result=result(linear=0.78)).table()
        assert told.endswith(" is no worse: validation f1_macro 0.780 against 0.780.")

    def test_a_teacher_without_an_int8_form_has_no_column_for_it(self) -> None:
        made = result()
        without = replace(made, teacher=replace(made.teacher, int8=None))
        head, *_ = replace(distilled(), result=without).table().splitlines()
        assert head.split()[:4] == ["teacher", "fp32", "linear", "baseline"]
        assert not [name for name in without.metrics() if name.startswith("teacher.int8.")]

    def test_it_says_what_was_registered_and_where_to_look(self) -> None:
        told = str(distilled(int8=False))
        assert "registered: kdops-smsa version 3, alias challenger" in told
        assert "precision: fp32 (fp32 0.400 ms p50)\n" in told
        assert "bundle: /students/one/bundle\n" in told
        assert "run: 0123\n" in told
        assert "look at the runs: mlflow ui --backend-store-uri sqlite:///" in told
        assert told.splitlines()[-6:-2] == [
            "use it:",
            "  from kdops import Predictor",
            '  predictor = Predictor.load("/students/one/bundle")',
            "  print(predictor.predict(['enak sekali']))",
        ]
        assert 'serve it: mlflow models serve -m "models:/kdops-smsa/3" --env-manager local --port 5001' in told

    def test_it_says_which_version_is_better(self) -> None:
        told = str(distilled(challenger=2))
        assert "registered: kdops-smsa version 3; challenger stays version 2, which is better\n" in told
        assert "registered: kdops-smsa version 3\n" in str(distilled(challenger=None))

    def test_it_says_which_limits_hold(self) -> None:
        assert "the limits" not in str(distilled())
        held = replace(distilled(), limits=DistillConfig(max_latency_p95_ms=1, max_storage_mb=11).limits)
        assert held.table().endswith("\nIt holds the limits: latency p95 at most 1.000 ms, storage at most 11.0 MB.")
        assert "version 3, alias challenger\n" in str(held)

    def test_it_says_which_limits_break_by_how_much_and_what_holds_them(self) -> None:
        config = DistillConfig(max_latency_p95_ms=1, max_ram_mb=30, max_storage_mb=5)
        broken = replace(distilled(challenger=None), limits=config.limits)
        said = "RAM peak 40 MB, must be at most 30 MB; storage 11.0 MB, must be at most 5.0 MB"
        assert broken.table().endswith(f"\nIt breaks the limits: {said}.")
        assert "registered: kdops-smsa version 3; not challenger, since it breaks the limits\n" in str(broken)
        in_fp32 = replace(broken, result=replace(result(), precision="fp32"))
        in_fp32 = replace(in_fp32, limits=DistillConfig(max_storage_mb=20).limits)
        assert in_fp32.table().endswith(
            "\nIt breaks the limits: storage 44.0 MB, must be at most 20.0 MB. With precision=int8 it holds them."
        )

    def test_both_precisions_are_told(self) -> None:
        expected = "precision: int8 (fp32 0.500 ms p50, int8 0.250 ms p50, int8 gives 99.9% of fp32's labels)\n"
        told = str(distilled())
        assert expected in told
        assert "bundle: /students/one/bundle\n" in told

    def test_its_numbers_are_those_that_are_logged(self) -> None:
        metrics = result().metrics()
        assert metrics["test.f1_macro"] == 0.76
        assert metrics["test.f1_retained"] == pytest.approx(0.95)
        assert metrics["test.kd_gain"] == pytest.approx(6.0)
        assert (metrics["test.kd_gain_low"], metrics["test.f1_retained_high"]) == (2.0, 0.99)
        assert (metrics["baseline.test.f1_macro"], metrics["measure.other_cores"]) == (0.7, 0.2)
        assert (metrics["cost.latency_p50_ms"], metrics["teacher.cost.latency_p50_ms"]) == (0.25, 4.0)
        assert (metrics["baseline.cost.latency_p50_ms"], metrics["ratio.latency"]) == (0.25, 16.0)
        assert (metrics["fp32.cost.latency_p50_ms"], metrics["int8.cost.latency_p50_ms"]) == (0.5, 0.25)
        assert (metrics["parity.texts"], metrics["teacher.parity.texts"], metrics["int8.label_agreement"]) == (
            6,
            6,
            0.999,
        )
        assert metrics["phase.measure_s"] == 20.0
        assert (metrics["linear.test.f1_macro"], metrics["teacher.int8.test.f1_macro"]) == (0.6, 0.79)
        assert metrics["teacher.int8.cost.latency_p50_ms"] == 2.0

    def test_it_is_kept_and_read_as_it_was(self, tmp_path: Path) -> None:
        for kept in (result(), result(baseline=None, int8=False)):
            save_result(tmp_path, kept)
            assert load_result(tmp_path, DistilledStudent) == kept
