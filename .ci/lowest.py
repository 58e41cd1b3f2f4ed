"""Print the lowest versions that pyproject.toml allows, as constraints for pip."""

import itertools
import re
import tomllib
from pathlib import Path

text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
project = tomllib.loads(text)["project"]
named = itertools.chain(project["dependencies"], *project["optional-dependencies"].values())
for line in sorted(set(named)):
    if found := re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\w.]+)", line):
        print(f"{found[1]}=={found[2]}")
