"""Six nets, one budget."""

import pytest

from jitcnn import AvgPool2D, BlurPool2D, Conv2D, GlobalAvgPool2D, MaxPool2D, shift
from jitcnn.errors import ConfigError
from jitcnn.shift import LAB_NETS, lab_nets


@pytest.mark.parametrize("image_shape", [(1, 28, 28), (3, 32, 32)])
def test_all_have_the_same_number_of_parameters_within_a_twentieth(image_shape):
    counts = [model.parameter_count for model in lab_nets(image_shape).values()]
    assert len(counts) == 6
    assert max(counts) < 1.05 * min(counts)


def test_the_counts_on_digits_are_those_of_the_docs():
    counts = {name: model.parameter_count for name, model in lab_nets().items()}
    assert counts == dict.fromkeys(("max", "average", "strided", "blurred"), 25_108) | {
        "global": 25_441,
        "dense": 25_450,
    }


def test_each_halves_in_its_own_way():
    kinds = {name: [type(layer) for layer in model.layers] for name, model in lab_nets().items()}
    assert kinds["max"].count(MaxPool2D) == 2
    assert kinds["average"].count(AvgPool2D) == 2
    assert not {MaxPool2D, AvgPool2D, BlurPool2D} & set(kinds["strided"] + kinds["dense"])
    assert kinds["blurred"].count(BlurPool2D) == kinds["blurred"].count(MaxPool2D) == 2
    assert GlobalAvgPool2D in kinds["global"]
    assert Conv2D not in kinds["dense"]


def test_all_end_on_maps_of_the_same_size():
    models = lab_nets(nets=("max", "average", "strided", "blurred"))
    for model in models.values():
        assert next(row.output_shape for row in model.summary_rows() if row.label == "Flatten") == (784,)


def test_the_seed_decides_the_first_weights():
    first, again, other = (lab_nets(seed=seed, nets=("max",))["max"].layers[0].weights for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()


def test_an_unknown_net_is_told():
    with pytest.raises(ConfigError, match=r"no net named 'mox' \(did you mean 'max'\?\): choose among max, average"):
        lab_nets(nets=("mox",))
    assert set(lab_nets(nets=("dense",))) == {"dense"} < set(LAB_NETS)


def test_the_old_names_still_work_with_a_warning():
    with pytest.warns(DeprecationWarning, match=r"jitcnn.shift.RIVALS is now called LAB_NETS"):
        assert shift.RIVALS is LAB_NETS
    with pytest.raises(AttributeError, match="no attribute 'mox'"):
        _ = shift.mox
