"""The two synthetic data sets that ship with kdops; `tests/data/sample/generate.py` writes them."""
