"""A peer that cannot take part: the file that stands for its model says why."""

from pathlib import Path


def open(model: str, threads: int):
    raise RuntimeError(Path(model).read_text())
