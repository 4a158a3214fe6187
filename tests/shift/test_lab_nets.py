"""The six lab nets have about the same number of parameters."""

import pytest

from jitcnn import AvgPool2D, BlurPool2D, Conv2D, GlobalAvgPool2D, MaxPool2D, shift
from jitcnn.errors import ConfigError
from jitcnn.shift import LAB_NETS, lab_nets


@pytest.mark.parametrize("image_shape", [(1, 28, 28), (3, 32, 32)])
def test_parameter_counts_differ_by_at_most_5_percent(image_shape):
    counts = [model.parameter_count for model in lab_nets(image_shape).values()]
    assert len(counts) == 6
    assert max(counts) < 1.05 * min(counts)


def test_parameter_counts_match_the_documentation():
    counts = {name: model.parameter_count for name, model in lab_nets().items()}
    assert counts == dict.fromkeys(("max", "average", "strided", "blurred"), 25_108) | {
        "global": 25_441,
        "dense": 25_450,
    }


def test_each_net_downsamples_differently():
    kinds = {name: [type(layer) for layer in model.layers] for name, model in lab_nets().items()}
    assert kinds["max"].count(MaxPool2D) == 2
    assert kinds["average"].count(AvgPool2D) == 2
    assert not {MaxPool2D, AvgPool2D, BlurPool2D} & set(kinds["strided"] + kinds["dense"])
    assert kinds["blurred"].count(BlurPool2D) == kinds["blurred"].count(MaxPool2D) == 2
    assert GlobalAvgPool2D in kinds["global"]
    assert Conv2D not in kinds["dense"]


def test_final_feature_maps_have_the_same_size():
    models = lab_nets(nets=("max", "average", "strided", "blurred"))
    for model in models.values():
        assert next(row.output_shape for row in model.summary_rows() if row.label == "Flatten") == (784,)


def test_seed_determines_the_initial_weights():
    first, again, other = (lab_nets(seed=seed, nets=("max",))["max"].layers[0].weights for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()


def test_unknown_net_raises():
    with pytest.raises(ConfigError, match=r"Unknown net 'mox' \(did you mean 'max'\?\): choose one of max, average"):
        lab_nets(nets=("mox",))
    assert set(lab_nets(nets=("dense",))) == {"dense"} < set(LAB_NETS)


def test_old_names_warn():
    with pytest.warns(DeprecationWarning, match=r"jitcnn.shift.RIVALS is now called LAB_NETS"):
        assert shift.RIVALS is LAB_NETS
    with pytest.raises(AttributeError, match="no attribute 'mox'"):
        _ = shift.mox
