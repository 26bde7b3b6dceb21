"""The names of everything kdops writes to MLflow: roles, statuses, tags, metrics, aliases, registered models."""

import re
from enum import StrEnum


class Role(StrEnum):
    """What a run is for (tag `kdops.role`)."""

    TEACHER = "teacher"
    STUDENT = "student"
    BASELINE = "baseline"
    TRIAL = "trial"
    MEASURE = "measure"
    EXAM = "exam"
    PROMOTE = "promote"
    EXPORT = "export"


class Status(StrEnum):
    """How a run ends, in MLflow's words."""

    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


# Run tags.
ROLE = "kdops.role"
DATASET = "kdops.dataset"
TASK = "kdops.task"
STUDENT = "kdops.student"
RECIPE = "kdops.recipe"
PRECISION = "kdops.precision"
MAIN_METRIC = "kdops.main_metric"
FINGERPRINT = "kdops.fingerprint"
TEACHER_RUN = "kdops.teacher_run"
BASELINE_RUN = "kdops.baseline_run"
VERSION = "kdops.version"
MODEL = "kdops.model"
TRIAL_STATE = "kdops.trial_state"
STUDY = "kdops.study"
BEST_TRIAL = "kdops.best_trial"
PARITY = "kdops.parity"
INT8 = "kdops.int8"
EXPORTED_RUN = "kdops.exported_run"
PROCESS = "kdops.process"
ERROR = "kdops.error"
REUSED_RUN = "kdops.reused_run"
# The status as kdops set it: `mlflow run` overwrites KILLED by FAILED, and this is what it is restored from.
STATUS = "kdops.status"

HOST_NAME = "host.name"
HOST_CPU = "host.cpu"
HOST_CORES = "host.cores"
HOST_MEMORY_GB = "host.memory_gb"
VERSION_PREFIX = "version."

# Run parameters.
CONFIG_PREFIX = "cfg."
DATA = "data"  # the data set as the user named it: a path, where the name is not enough to find it again
BEST_PREFIX = "best."

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
RATIO_PREFIX = "ratio."
SPREAD_PREFIX = "spread."
RAM_GROWTH_PREFIX = "ram_growth."
OTHER_CORES = "measure.other_cores"
F1_RETAINED = "test.f1_retained"
KD_GAIN = "test.kd_gain"
LATENCY_P95_MS = "cost.latency_p95_ms"
RAM_PEAK_MB = "cost.ram_peak_mb"
STORAGE_MB = "cost.storage_mb"

# Registry: aliases, and the tags of a version that was promoted.
CHAMPION = "champion"
CHALLENGER = "challenger"
PROMOTED_OVER = "kdops.promoted_over"
PROMOTED_AT = "kdops.promoted_at"
PROMOTION_REASON = "kdops.promotion_reason"

# Tags of a promotion run.
PROMOTED = "kdops.promoted"
CHALLENGER_VERSION = "kdops.challenger_version"
CHAMPION_VERSION = "kdops.champion_version"

DEFAULT_EXPERIMENT = "kdops"


def registered_model_name(dataset: str) -> str:
    """The registered model of a dataset; characters that MLflow refuses in names become hyphens."""
    return "kdops-" + re.sub(r"[^\w.-]+", "-", dataset).strip("-")


def variant_cost_prefix(precision: str) -> str:
    """How the metrics begin that tell what a student costs in one precision, whichever is deployed."""
    return f"{precision}.{COST_PREFIX}"
