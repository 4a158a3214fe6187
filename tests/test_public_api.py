"""The public names are those of ``tests/files/public_api.txt``; a change there is a decision, and needs a changelog line.

``python tests/test_public_api.py`` writes the file anew.
"""

from importlib import import_module
from pathlib import Path

import pytest

LIST = Path(__file__).parent / "files" / "public_api.txt"
ROOMS = (
    "",
    "check",
    "data",
    "functional",
    "inspection",
    "layers",
    "metrics",
    "models",
    "optim",
    "plots",
    "shift",
    "sklearn",
    "training",
)
OLD_NAMES = {
    "inspection.inside": "trace_block",
    "inspection.last_planes": "last_feature_maps",
    "inspection.lenses": "inspectable_layers",
    "inspection.through": "specimen_at",
    "plots.sureness": "confidence_text",
    "shift.Commuting": "Equivariance",
    "shift.RIVALS": "LAB_NETS",
    "shift.conclude": "summarise_lab",
    "shift.rivals": "lab_nets",
}


def public_names():
    """Names such as ``jitcnn.fit`` and ``jitcnn.data.load_folder``, sorted."""
    rooms = [".".join(filter(None, ("jitcnn", room))) for room in ROOMS]
    return sorted(f"{room}.{name}" for room in rooms for name in import_module(room).__all__)


def test_public_names_are_frozen():
    assert public_names() == LIST.read_text(encoding="utf-8").split()


@pytest.mark.parametrize("name", sorted(OLD_NAMES))
def test_old_name_warns_and_works(name):
    room, _, old = name.rpartition(".")
    module = import_module(f"jitcnn.{room}")
    with pytest.warns(DeprecationWarning, match=f"jitcnn.{name} is now called {OLD_NAMES[name]}"):
        assert getattr(module, old) is getattr(module, OLD_NAMES[name])


def test_unknown_name_raises():
    with pytest.raises(AttributeError, match=r"module 'jitcnn.plots' has no attribute 'picture'"):
        getattr(import_module("jitcnn.plots"), "picture")  # noqa: B009


if __name__ == "__main__":
    LIST.write_text("\n".join(public_names()) + "\n", encoding="utf-8")
