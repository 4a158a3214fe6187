"""The files around the package agree with it: versions, bounds, rooms, and what the image and the workflow need."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VERSION = PROJECT["project"]["version"]
DEPENDENCIES = PROJECT["project"]["dependencies"]
CONDA_NAMES = {"matplotlib": "matplotlib-base"}


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("CHANGELOG.md", r"^## (\S+) - \d{4}-\d\d-\d\d$"),
        ("CITATION.cff", r"^version: (\S+)$"),
        ("conda/recipe/meta.yaml", r'^  version: "(\S+)"$'),
    ],
)
def test_version_is_that_of_pyproject(name, pattern):
    assert re.search(pattern, text_of(name), re.MULTILINE).group(1) == VERSION


def test_release_has_one_date():
    (date,) = re.findall(rf"^## {re.escape(VERSION)} - (\S+)$", text_of("CHANGELOG.md"), re.MULTILINE)
    assert f"date-released: {date}\n" in text_of("CITATION.cff")


def test_conda_recipe_has_the_bounds_of_pyproject():
    run = text_of("conda/recipe/meta.yaml").partition("  run:\n")[2].partition("\n\n")[0]
    in_recipe = [line.strip(" -").replace(" ", "") for line in run.splitlines()]
    expected = [f"python{PROJECT['project']['requires-python']}"]
    for dependency in DEPENDENCIES:
        name, bounds = re.match(r"([\w-]+)([^;]*)", dependency).groups()
        expected.append(CONDA_NAMES.get(name, name) + bounds)
    assert in_recipe == expected


def test_every_dependency_has_a_lower_bound_that_is_tested():
    command = [sys.executable, ROOT / ".ci" / "lowest.py", ROOT / "pyproject.toml"]
    lowest = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    expected = [re.sub(r">=([\d.]+)[^;]*", r"==\1", dependency) for dependency in DEPENDENCIES]
    assert lowest == expected


def test_python_versions_of_ci_are_those_of_the_classifiers():
    versions = [line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if re.search(r":: 3\.\d+$", line)]
    (linux,) = re.findall(
        r"^  linux:.*?python: \[(.*?)\]", text_of(".github/workflows/ci.yml"), re.MULTILINE | re.DOTALL
    )
    assert re.findall(r"[\d.]+", linux) == versions
    assert PROJECT["project"]["requires-python"] == f">={versions[0]}"


@pytest.mark.parametrize(
    "path", [ROOT / ".pre-commit-config.yaml", *sorted((ROOT / ".github").rglob("*.yml"))], ids=lambda path: path.name
)
def test_github_files_are_yaml(path):
    yaml = pytest.importorskip("yaml")
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


@pytest.mark.parametrize("name", [".github/workflows/ci.yml", ".pre-commit-config.yaml", "CONTRIBUTING.md"])
def test_named_make_targets_exist(name):
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    named = re.findall(r"\bmake ((?:[a-z]+ ?)+)", text_of(name))
    assert named
    assert {target for targets in named for target in targets.split()} <= targets


def test_image_copies_files_that_exist_and_are_not_ignored():
    ignored = text_of(".dockerignore").split()
    sources = [
        path for line in re.findall(r"^COPY (.*) \S+$", text_of("Dockerfile"), re.MULTILINE) for path in line.split()
    ]
    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert not {source, source.partition("/")[0]} & set(ignored)


def rooms(folder):
    """Folders and modules of a package, without those that are private."""
    inside = [path for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    return sorted(path.stem for path in inside if not path.name.startswith("_"))


def test_architecture_names_every_room():
    page = text_of("ARCHITECTURE.md")
    picture, table = (
        page.partition("```text")[2].partition("```")[0],
        page.partition("| room |")[2].partition("\n\n")[0],
    )
    in_picture = set(re.findall(r"\w+", picture.partition("─\n")[2]))
    missing = [
        room for room in rooms(ROOT / "jitcnn") if room not in in_picture or not re.search(rf"`{room}[/.]", table)
    ]
    assert not missing


def test_architecture_names_every_room_of_kernels():
    table = text_of("ARCHITECTURE.md").partition("| room |")[2].partition("\n\n")[0]
    assert not [room for room in rooms(ROOT / "jitcnn" / "kernels") if not re.search(rf"\b{room}(?:/|\.py)`", table)]


def test_picture_has_the_floors_of_the_contract():
    (contract,) = [
        each for each in PROJECT["tool"]["importlinter"]["contracts"] if each.get("containers") == ["jitcnn"]
    ]
    floors = [re.split(r" \| ", floor) for floor in contract["layers"]]
    picture = text_of("ARCHITECTURE.md").partition("─\n")[2].partition("```")[0]
    drawn = [line.strip().partition("  ")[0].split(" · ") for line in picture.splitlines()]
    assert drawn == floors
