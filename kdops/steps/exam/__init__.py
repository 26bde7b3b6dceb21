"""The grid of data sets, students, recipes and seeds: planned, worked off by many processes, compared."""
