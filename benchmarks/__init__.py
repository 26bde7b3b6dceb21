"""The costs of kdops beside other ways to the same end: `make bench`, or `python -m benchmarks --help`."""
