"""What relies on undocumented behaviour of MLflow, or mends it. A test holds each file against the pinned MLflow."""
