"""The two synthetic data sets that ship with kdops, and the grammar that wrote them."""
