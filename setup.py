"""The packages of a distribution: there `entrypoints` is `kdops.entrypoints`, for PyPI has another `entrypoints`."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["kdops*"]), "kdops.entrypoints"],
    package_dir={"kdops.entrypoints": "entrypoints"},
)
