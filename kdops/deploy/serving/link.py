"""The link that workers follow to a bundle."""

from pathlib import Path


def point(link: Path, folder: Path) -> None:
    """Let a link lead to a folder, in one step: whoever looks sees the old one or the new one."""
    new = link.with_name(f"{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(folder.resolve(), target_is_directory=True)
    new.replace(link)
