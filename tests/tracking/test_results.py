import pytest
from finished_runs import HOSTILE, add_student, add_teacher

from kdops.errors import UserError
from kdops.report.tables import dataset_table
from kdops.tracking import names, runs
from kdops.tracking.names import Role
from kdops.tracking.results import read_classes, read_curves, read_results, read_trials


def test_every_student_with_its_teacher_and_itself_alone(store: str) -> None:
    results = read_results()
    assert results.datasets == sorted([HOSTILE, "emot"])
    emot = results.of("emot")
    assert len(emot.students) == 3
    assert len(emot.teachers) == 1
    assert sorted(emot.baselines["student"]) == ["bilstm", "bilstm", "cnn"]
    row = emot.students[emot.students["recipe"] == "kd-unlabeled"].iloc[0]
    assert (row["validation"], row["test"], row["kd_gain"], row["times_latency"]) == (0.82, 0.81, 10.0, 40.0)
    assert (row["seed"], row["minutes"], row["storage_mb"]) == (1, 2.0, 9.0)


def test_a_student_that_learned_from_gold_labels_is_its_own_baseline(store: str) -> None:
    alone = read_results([HOSTILE])
    assert list(alone.baselines.index) == list(alone.students.index)


def test_the_newest_of_equal_runs_counts_and_seeds_stay_apart(tracking_uri: str) -> None:
    teacher = add_teacher("emot")
    add_student("emot", teacher, test=0.5)
    newest = add_student("emot", teacher, test=0.6)
    other = add_student("emot", teacher, test=0.7, seed=2)
    assert set(read_results().students.index) == {newest, other}


def test_runs_that_reused_another_and_unfinished_ones_are_skipped(tracking_uri: str) -> None:
    made = add_student("emot", add_teacher("emot"))
    tags = runs.get_tags(made)
    kept = {key: value for key, value in tags.items() if key.startswith("kdops.")}
    with runs.tracked(Role.STUDENT, "again", tags=kept | {names.REUSED_RUN: made}) as run:
        run.metrics(runs.get_metrics(made))
    with runs.tracked(Role.STUDENT, "now", tags=kept) as run:
        run.metrics(runs.get_metrics(made))
        assert list(read_results().students.index) == [made]
        assert list(read_results(open_run=run.run_id).students.index) == [run.run_id]


def test_trials_are_numbered_in_each_study_and_pruned_ones_keep_their_last_score(store: str) -> None:
    trials = read_trials(read_results(["emot"]))
    study = trials[trials["study"] == "emot-cnn-kd-1"]
    assert study["number"].tolist() == [0, 1, 2, 3, 4]
    assert study["trial_state"].tolist() == ["complete", "pruned", "complete", "complete", "complete"]
    assert study["validation"].tolist() == pytest.approx([0.70, 0.68, 0.66, 0.64, 0.62])
    assert read_trials(read_results([HOSTILE]))["study"].nunique() == 1


def test_curves_by_epoch_and_scores_by_class(store: str) -> None:
    results = read_results(["emot"])
    curves = read_curves(results.teachers.index[0], "f1_macro")
    assert curves.index.tolist() == [1, 2]
    assert curves["loss"].tolist() == [1.0, 0.5]
    assert curves["score"].tolist() == [0.45, 0.9]
    told = read_classes(results.students.index[0])
    assert told is not None
    assert told["confusion"] == [[8, 2], [1, 9]]
    with runs.tracked(Role.TEACHER, "old") as run:
        assert read_classes(run.run_id) is None


class TestComparable:
    """The runs that stand in one table."""

    def test_runs_on_other_data_of_one_name_are_left_out_and_that_is_said(self, tracking_uri: str) -> None:
        old = add_student("emot", add_teacher("emot", data="a" * 16), "cnn", test=0.99, data="a" * 16, trials=1)
        teacher = add_teacher("emot", data="b" * 16)
        new = add_student("emot", teacher, "bilstm", test=0.5, data="b" * 16, trials=1)
        results = read_results()
        assert list(results.students.index) == [new]
        assert list(results.teachers.index) == [teacher]
        assert f"all on data {'b' * 16}. 1 run on other data of the same name is left out" in results.notes["emot"]
        # The run that asks has the last word.
        assert list(read_results(open_run=old).students.index) == [old]

    def test_seeds_with_other_settings_do_not_stand_in_one_mean(self, tracking_uri: str) -> None:
        teacher = add_teacher("emot")
        add_student("emot", teacher, seed=1, trials=2)
        kept = [add_student("emot", teacher, seed=seed, trials=1) for seed in (2, 3)]
        other = add_student("emot", teacher, "cnn", seed=1, trials=2)
        results = read_results()
        assert set(results.students.index) == {*kept, other}
        assert "1 run of other seeds with other settings than the newest is left out" in results.notes["emot"]
        # All cells of an exam are alike, whatever paths they were given.
        assert len(read_results(run_ids=set(read_results().students.index) | {kept[0]}).students) == 3

    def test_people_are_told_apart(self, tracking_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
        teacher, made = add_teacher("emot"), {}
        for person, student in (("alice", "cnn"), ("bob", "bilstm")):
            monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", person)
            made[person] = add_student("emot", teacher, student, trials=1)
        assert read_results().notes["emot"].startswith("Runs of alice and bob, all on data 0123456789abcdef.")
        assert list(read_results(user="alice").students.index) == [made["alice"]]
        assert read_results(user="alice").notes["emot"].startswith("Runs of alice, ")
        assert [row.get("by") for row in dataset_table(read_results()).rows] == ["", "bob", "alice"]
        assert "by" not in dataset_table(read_results(user="alice")).columns
        with pytest.raises(UserError, match="no distillation by user 'carol'; there are runs of: alice, bob"):
            read_results(user="carol")

    def test_what_somebody_reused_is_theirs_too(self, tracking_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
        made = add_student("emot", add_teacher("emot"), trials=1)
        kept = {key: value for key, value in runs.get_tags(made).items() if key.startswith("kdops.")}
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bob")
        with runs.tracked(Role.STUDENT, "again", tags=kept | {names.REUSED_RUN: made}) as run:
            run.metrics(runs.get_metrics(made))
        assert list(read_results(user="bob").students.index) == [made]


def test_nothing_to_read_is_said_in_one_line(tracking_uri: str) -> None:
    with pytest.raises(UserError, match="no finished distillation in the store"):
        read_results()
    add_student("emot", add_teacher("emot"), trials=1)
    with pytest.raises(UserError, match="of data set 'smsa'; there are runs of: emot"):
        read_results(["smsa"])
