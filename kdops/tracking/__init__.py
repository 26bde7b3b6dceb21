"""The only room that talks to MLflow: names, runs, registry and the served model."""
