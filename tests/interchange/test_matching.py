"""Arrays with names of neither layout are matched by shape and number, or refused."""

import pytest

from jitcnn import CNN, CheckpointError, Dense

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")


def foreign(prefixes, sizes=((3, 8), (8, 8), (8, 8), (8, 2))):
    """Dense layers with these names, whose first weight is the number of the layer; and the network for them."""
    arrays = {}
    for number, (prefix, (C_in, C_out)) in enumerate(zip(prefixes, sizes, strict=True)):
        arrays |= {f"{prefix}.weight": torch.full((C_out, C_in), 1.0 * number), f"{prefix}.bias": torch.zeros(C_out)}
    return arrays, CNN([Dense(*size) for size in sizes], name="net")


@pytest.mark.parametrize("names", [("features.0", "features.2", "features.10", "head"), ("fc1", "fc2", "fc3", "fc4"),
                                   ("module.0", "module.1", "module.2", "module.3")])  # fmt: skip
def test_other_names_are_matched_by_shape_and_number(names, tmp_path):
    arrays, net = foreign(names)
    safetensors_torch.save_file(arrays, tmp_path / "net.safetensors")
    net.load_safetensors(tmp_path / "net.safetensors")
    assert [layer.weights[0, 0] for layer in net.layers] == [0, 1, 2, 3]


def test_names_that_leave_the_order_open_are_refused(tmp_path):
    arrays, net = foreign(("a", "left", "right", "b"))
    safetensors_torch.save_file(arrays, tmp_path / "net.safetensors")
    with pytest.raises(
        CheckpointError, match=r"net: layers '\w+' and '\w+' have the same shapes, and names that differ"
    ):
        net.load_safetensors(tmp_path / "net.safetensors")
