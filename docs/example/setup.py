"""A plugin for smartdyn: an example to begin with."""

from setuptools import setup

setup(
    name="smartdyn-example",
    version="1.0",
    py_modules=["smartdyn_example"],
    install_requires=["smartdyn>=0.1"],
    entry_points={"smartdyn.plugins": ["example = smartdyn_example:install"]},
)
