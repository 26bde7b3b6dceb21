"""Code that relies on undocumented behaviour of MLflow, or mends it, each file tested against the pinned MLflow."""
