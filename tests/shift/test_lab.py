"""The shift lab: training, measurements and interruption."""

import json
from dataclasses import replace

import numpy as np
import pytest

from jitcnn import Augmentation, load_digits
from jitcnn.shift import lab as lab_module
from jitcnn.shift import shift_map, summarise_lab, translation_lab
from jitcnn.training import fit


@pytest.fixture(scope="module")
def few():
    return load_digits().limited(48)


def quick(data, nets=("dense",), **how):
    return translation_lab(data, epochs=1, images=20, reach=1, nets=nets, **how)


def test_every_net_is_measured_with_and_without_augmentation(few):
    begun, measured = [], []
    result = quick(few, on_start=lambda model, augmented: begun.append((model.name, augmented)), on_net=measured.append)
    assert begun == [("dense", False), ("dense", True)]
    assert measured == result.nets
    plain, shifted = result.nets
    assert (plain.title, plain.parameters, len(plain.epochs)) == ("dense baseline", 25_450, 1)
    assert (plain.shifts.reach, plain.shifts.image_count) == (1, 20)
    assert plain.epochs[0].train_loss != shifted.epochs[0].train_loss
    assert plain.inside == []
    assert result.ink_kept == {1: 1.0}
    assert result.find("dense", augmented=True) is shifted
    assert result.find("max", augmented=True) is None


def test_second_training_shifts_by_whole_pixels(few, monkeypatch):
    changed = []

    def noted(*arguments, augmentation, **how):
        changed.append(augmentation)
        return fit(*arguments, augmentation=augmentation, **how)

    monkeypatch.setattr(lab_module, "fit", noted)
    quick(few)
    assert changed == [None, Augmentation(crop=4)]


def test_map_matches_the_trained_net(few, monkeypatch):
    trained = []
    monkeypatch.setattr(lab_module, "fit", lambda model, *a, **how: trained.append(model) or fit(model, *a, **how))
    result = quick(few)
    for net, model in zip(result.nets, trained, strict=True):
        expected = shift_map(model, few.x_test[:20], few.y_test[:20], 1)
        np.testing.assert_array_equal(net.shifts.accuracy, expected.accuracy)


def test_same_seed_gives_the_same_results(few):
    first, second = quick(few), quick(few)
    for one, other in zip(first.nets, second.nets, strict=True):
        np.testing.assert_array_equal(one.shifts.accuracy, other.shifts.accuracy)
        assert one.epochs[0].train_loss == other.epochs[0].train_loss


def test_equivariance_is_measured_for_convolutional_nets(few):
    (first, *_, last), _ = (net.inside for net in quick(few, nets=("max",)).nets)
    assert (first.layers, first.stride, first.shift) == ("Conv2D", 1, 1)
    assert (last.layers, last.stride, last.shift) == ("Conv2D + ReLU + MaxPool2D", 2, 2)


def stop(*_):
    raise KeyboardInterrupt


def test_ctrl_c_during_training_keeps_the_results(few):
    def on_batch(*_):
        if len(measured) == 1:
            stop()

    measured = []
    result = quick(few, on_batch=on_batch, on_net=measured.append)
    assert result.interrupted
    assert [(net.name, net.augmented) for net in result.nets] == [("dense", False)]


def test_ctrl_c_during_a_map_keeps_the_results(few):
    result = quick(few, on_shift=stop)
    assert result.interrupted
    assert result.nets == []
    assert summarise_lab(result) == ""


def test_results_can_be_written_as_json(few):
    result = quick(few)
    record = json.loads(json.dumps(result.as_dict()))
    assert record["nets"][0]["accuracy"] == result.nets[0].shifts.accuracy.tolist()
    assert record["nets"][1]["augmented"] is True
    assert (record["dataset"], record["train_images"], record["test_images"]) == ("digits", 48, 20)
    assert record["interrupted"] is False


def test_image_count_is_limited_to_the_test_images(few):
    result = translation_lab(replace(few, x_test=few.x_test[:5], y_test=few.y_test[:5]), 1, reach=0, nets=("dense",))
    assert result.test_images == result.nets[0].shifts.image_count == 5
