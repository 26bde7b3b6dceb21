"""The grid of data sets, students, recipes and seeds: planned, run by many processes, compared."""
