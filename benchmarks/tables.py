"""The results of the contests, as Markdown."""

from collections.abc import Mapping, Sequence

from benchmarks.contest import Standing


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows of equal columns as a Markdown table."""
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns), *([row[column] for column in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def standings_table(
    standings: Sequence[Standing], *, first: str, figures: Mapping[str, str], compared: Sequence[str]
) -> str:
    """A row a contestant: median and range of its seconds, memory, figures, and how it compares.

    Args:
        standings: of all contestants.
        first: title of the column with their names.
        figures: format of each figure of the work's own that is told, by its name.
        compared: contestants that all are compared with: how many times as much CPU time as this one each took.
    """
    by_name = {one.name: one for one in standings}
    rows = []
    for one in standings:
        fastest, slowest = one.range_s
        row = {
            first: one.name,
            "seconds": f"{one.wall_s:.1f} ({fastest:.1f} to {slowest:.1f})",
            "CPU seconds": f"{one.cpu_s:.1f}",
            "RAM, MB": f"{one.ram_mb:.0f}",
        }
        row |= {name: f"{one.figure(name):{form}}" for name, form in figures.items()}
        row |= {f"times {name}": f"{one.cpu_s / by_name[name].cpu_s:.2f}" for name in compared}
        rows.append(row)
    return table(rows)
