"""Print every runtime dependency at its lower bound, as requirements for pip: ``python .ci/lowest.py pyproject.toml``."""

import re
import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["project"]
for dependency in project["dependencies"]:
    requirement, semicolon, marker = dependency.partition(";")
    name, bound = re.match(r"([\w-]+)>=([\d.]+)", requirement).groups()
    print(f"{name}=={bound}{semicolon}{marker}")
