# MLflow sources this in the shell of the project's command. Like the real `conda activate`, it puts the environment's own
# programs first: `mlflow` may have been started by its path, with another `python` first on the PATH.
conda() {
    PATH="$(dirname "$KDOPS_CONDA_FALLBACK_PYTHON"):$PATH"
    export PATH
}
