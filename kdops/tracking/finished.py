"""The work that finished runs did, and how long it took: light, since every command asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdops.tracking import names, store
from kdops.tracking.names import Role, Status

if TYPE_CHECKING:
    from mlflow.entities import Run


@dataclass(frozen=True)
class FinishedWork:
    """The work of a finished run, and how long it took.

    Attributes:
        run_id: the run.
        fingerprint: of its work; empty where it has none.
        dataset: its data set.
        params: the logged parameters.
        seconds: of each phase, by name; those of a teacher are the whole run's, as `teacher_s`.
    """

    run_id: str
    fingerprint: str
    dataset: str
    params: Mapping[str, str]
    seconds: Mapping[str, float]


def read_finished(role: Role) -> list[FinishedWork]:
    """Read the finished students or teachers of the current tracking store, in all experiments, newest first.

    Students that only reused another are skipped.
    """
    found = store.search(f"tags.`{names.ROLE}` = '{role}' and attributes.status = '{Status.FINISHED}'")
    return [_finished(run) for run in found if names.REUSED_RUN not in run.data.tags]


def _finished(run: "Run") -> FinishedWork:
    tags, metrics = run.data.tags, run.data.metrics
    seconds = {
        name.removeprefix(names.PHASE_PREFIX): value
        for name, value in metrics.items()
        if name.startswith(names.PHASE_PREFIX)
    }
    if tags[names.ROLE] == Role.TEACHER:
        seconds = {"teacher_s": (run.info.end_time - run.info.start_time) / 1000}
    return FinishedWork(
        run_id=run.info.run_id,
        fingerprint=tags.get(names.FINGERPRINT, ""),
        dataset=tags.get(names.DATASET, ""),
        params=dict(run.data.params),
        seconds=seconds,
    )
