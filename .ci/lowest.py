"""Print the lowest versions that pyproject.toml allows, as constraints for pip."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
named = project["dependencies"] + sum(project["optional-dependencies"].values(), [])
for name, version in sorted(set(re.findall(r"^([\w-]+)(?:\[\w+\])?>=([\w.]+)$", "\n".join(named), re.MULTILINE))):
    print(f"{name}=={version}")
