"""The data room: named data sets and the user's own, read and checked."""
