"""What kdops costs beside other ways to the same end: `make bench`, or `python -m benchmarks --help`."""
