"""The names of everything kdops writes to MLflow: roles, statuses, tags, metrics, aliases, registered models."""

import re
from collections.abc import Mapping
from enum import StrEnum

from kdops.number_text import Interval


class Role(StrEnum):
    """The purpose of a run (tag `kdops.role`)."""

    GENERAL = "general"
    TEACHER = "teacher"
    STUDENT = "student"
    BASELINE = "baseline"
    TRIAL = "trial"
    MEASURE = "measure"
    EXAM = "exam"
    PROMOTE = "promote"
    EXPORT = "export"
    REPORT = "report"


class Status(StrEnum):
    """How a run ends, in MLflow's words."""

    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


# Run tags.
RUN_NAME = "mlflow.runName"
NOTE = "mlflow.note.content"
ROLE = "kdops.role"
DATASET = "kdops.dataset"
TASK = "kdops.task"
STUDENT = "kdops.student"
RECIPE = "kdops.recipe"
PRECISION = "kdops.precision"
MAIN_METRIC = "kdops.main_metric"
FINGERPRINT = "kdops.fingerprint"
TEACHER_RUN = "kdops.teacher_run"
# Names of the parameters that change the result, separated by commas: only runs that agree in them are averaged.
SETTINGS = "kdops.settings"
BASELINE_RUN = "kdops.baseline_run"
BASELINE_PRECISION = "kdops.baseline_precision"
VERSION = "kdops.version"
MODEL = "kdops.model"
TRIAL_STATE = "kdops.trial_state"
STUDY = "kdops.study"
BEST_TRIAL = "kdops.best_trial"
NOTHING_LEARNED = "kdops.nothing_learned"  # who of teacher and student gives one answer to everything, and which
PARITY = "kdops.parity"
INT8 = "kdops.int8"
EXPORTED_RUN = "kdops.exported_run"
PROCESS = "kdops.process"
PHASE = "kdops.phase"  # the current phase, while the run works
ERROR = "kdops.error"
REUSED_RUN = "kdops.reused_run"
# The status as kdops set it, where `mlflow run` overwrites it by FAILED: this is what it is restored from.
STATUS = "kdops.status"

# The user: MLflow's own tag, which its UI shows in the column "Created by".
USER = "mlflow.user"

HOST_NAME = "host.name"
HOST_CPU = "host.cpu"
HOST_CORES = "host.cores"
HOST_MEMORY_GB = "host.memory_gb"
VERSION_PREFIX = "version."

NO_VALUE = ("None", "auto", "False", "()")
"""The spellings of a parameter without a value; such parameters are not logged."""

# Run parameters.
CONFIG_PREFIX = "cfg."
DATA = "data"  # the data set as the user named it: a path, where the name is not enough to find it again
BEST_PREFIX = "best."
MODEL_PREFIX = "model."  # of a logged model: dataset, and student, recipe and precision, or teacher

# Metrics.
VALIDATION_PREFIX = "val."
TEST_PREFIX = "test."
EPOCH_LOSS_PREFIX = "epoch.train."
EPOCH_SCORE_PREFIX = "epoch.val."
PARITY_PREFIX = "parity."
INT8_PREFIX = "int8."
PHASE_PREFIX = "phase."
COST_PREFIX = "cost."
TEACHER_COST_PREFIX = "teacher.cost."
TEACHER_PARITY_PREFIX = "teacher.parity."
BASELINE_COST_PREFIX = "baseline.cost."
# Scores and costs of the quantized teacher, and scores of the linear baseline, on the runs of students beside them.
INT8_TEACHER_PREFIX = "teacher.int8."
LINEAR_PREFIX = "linear."
BASELINE_TEST_PREFIX = "baseline.test."
RATIO_PREFIX = "ratio."
SPREAD_PREFIX = "spread."
OTHER_CORES = "measure.other_cores"
ENERGY_WH = "system/energy_wh"  # MLflow's own system metrics begin so
STEADINESS_SPREAD = "measure.spread"
F1_RETAINED = "test.f1_retained"
KD_GAIN = "test.kd_gain"
ENDS = ("_low", "_high")
"""The suffixes of the ends of a figure's interval, after its own name."""
LATENCY_P50_MS = "cost.latency_p50_ms"
LATENCY_P95_MS = "cost.latency_p95_ms"
RAM_PEAK_MB = "cost.ram_peak_mb"
STORAGE_MB = "cost.storage_mb"
RAM_GROWTH_MB = "cost.ram_growth_mb"

# Artifacts: how well each class was told from the others on the test split; gold and predicted labels of its rows;
# page and pictures.
BY_CLASS = "by_class.json"
PREDICTIONS = "predictions.jsonl"
REPORT = "report"

# Registry: aliases.
CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS_CHAMPION = "previous-champion"

# Tags of a version that is, or was, the champion.
PROMOTED_OVER = "kdops.promoted_over"
PROMOTED_AT = "kdops.promoted_at"
PROMOTED_BY = "kdops.promoted_by"
PROMOTION_REASON = "kdops.promotion_reason"
REPLACED_BY = "kdops.replaced_by"
# When and by whom a champion was taken back; empty once somebody has gone back to it.
WITHDRAWN = "kdops.withdrawn"

# Tags of a version that waits for somebody's approval; empty once that is decided.
PROPOSED_OVER = "kdops.proposed_over"
PROPOSED_AT = "kdops.proposed_at"
PROPOSED_BY = "kdops.proposed_by"
PROPOSAL_REASON = "kdops.proposal_reason"

# Tags of a promotion run.
PROMOTED = "kdops.promoted"
PROPOSED_VERSION = "kdops.proposed_version"
CHAMPION_VERSION = "kdops.champion_version"

DEFAULT_EXPERIMENT = "kdops"


def registered_model_name(dataset: str) -> str:
    """The registered model of a dataset; characters that MLflow refuses in names become hyphens."""
    return "kdops-" + re.sub(r"[^\w.-]+", "-", dataset).strip("-")


def prefixed(prefix: str, values: Mapping[str, float]) -> dict[str, float]:
    """The same values under names that begin with a prefix."""
    return {prefix + name: value for name, value in values.items()}


def with_ends(name: str, figure: Interval) -> dict[str, float]:
    """A figure, and the ends of its 95 % interval as `<name>_low` and `<name>_high`."""
    low, high = ENDS
    return {name: figure.value, name + low: figure.low, name + high: figure.high}


def variant_cost_prefix(precision: str) -> str:
    """The prefix of a student's costs in one precision, whichever is deployed."""
    return f"{precision}.{COST_PREFIX}"
