"""Print every runtime dependency at its lower bound, one requirement per line: ``python .ci/lowest.py pyproject.toml``."""

import re
import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["project"]
for dependency in project["dependencies"]:
    requirement, _, marker = dependency.partition(";")
    if marker and sys.platform != "linux":  # the only marker is that of tbb
        continue
    name, bound = re.match(r"([\w-]+)>=([\d.]+)", requirement).groups()
    print(f"{name}=={bound}")
