"""Classes matched by name, and test images that the model was not trained on."""

from dataclasses import replace

import numpy as np
import pytest

from jitcnn import CNN, Dense, Flatten, ReLU, Softmax, evaluate, fit
from jitcnn.data import leave_out_trained, match_classes, match_data, order_classes, repeated_images, trained_on_warning
from jitcnn.data.dataset import Dataset
from jitcnn.errors import CheckpointError, DataError, ShapeError

COLOURS = ("blue", "green", "red")


def dataset(names, seed=0, **settings):
    """Four training and two test images per class; the first pixel is the code of the class's first letter."""
    rng = np.random.default_rng(seed)
    halves = []
    for count in (4, 2):
        labels = np.repeat(np.arange(len(names)), count)
        images = rng.integers(0, 256, (len(labels), 1, 3, 2), np.uint8)
        images[:, 0, 0, 0] = [ord(names[label][0]) for label in labels]
        halves += [images, labels]
    return Dataset("few", "here", *halves, names, **settings)


def net(names, layers=None, name="net"):
    layers = layers or [Flatten(), Dense(6, len(names), rng=np.random.default_rng(1))]
    return CNN(layers, input_shape=(1, 3, 2), name=name, class_names=names)


def check_labels(data, names):
    """Every label is the position in ``names`` of the class that the first pixel tells."""
    assert data.class_names == names
    for images, labels in ((data.x_train, data.y_train), (data.x_test, data.y_test)):
        assert [ord(names[label][0]) for label in labels] == images[:, 0, 0, 0].tolist()


@pytest.mark.parametrize(
    ("names", "note", "tested"),
    [
        (COLOURS, "", 6),
        (("red", "blue", "green"), "few: classes matched by name with net: they are in another order.", 6),
        (("green", "red"), "few: classes matched by name with net: blue has no images here.", 4),
        (
            (*COLOURS[:2], "orange", "red"),
            "few: classes matched by name with net: orange is unknown to net (2 test images left out).",
            6,
        ),
        (
            ("green", "blue", "violet", "yellow"),
            "few: classes matched by name with net: violet, yellow are unknown to net (4 test images left out); "
            "red has no images here.",
            4,
        ),
    ],
    ids=["same", "order", "subset", "superset", "overlap"],
)
def test_classes_are_matched_by_name(names, note, tested):
    data, said = match_classes(dataset(names), net(COLOURS))
    check_labels(data, COLOURS)
    assert (said, len(data.x_test)) == (note, tested)


def test_other_classes_are_refused():
    with pytest.raises(
        DataError, match=r"net knows the classes blue, green, red, few has violet, yellow, ochre: none has"
    ):
        match_classes(dataset(("violet", "yellow", "ochre")), net(COLOURS))
    with pytest.raises(DataError, match=r"a, b, c, d, e and 3 more"):
        match_classes(dataset(tuple("abcdefgh")), net(COLOURS))


def test_known_classes_without_test_images_are_refused():
    data = dataset(("red", "violet"))
    data = replace(data, x_test=data.x_test[2:], y_test=data.y_test[2:])
    with pytest.raises(DataError, match="expected test images of one of them in few, got none"):
        match_classes(data, net(COLOURS))


def test_equal_names_match_in_either_unicode_form():
    data, note = match_classes(dataset(("blau", "gru\u0308n")), net(("blau", "gr\u00fcn")))
    assert (data.class_names, note) == (("blau", "gr\u00fcn"), "")


def test_repeated_names_are_refused():
    with pytest.raises(DataError, match="expected distinct class names, got red, red; rename the classes"):
        match_classes(dataset(("red", "red")), net(COLOURS))


def test_model_without_class_names_needs_as_many_classes():
    model = net(COLOURS)
    model.class_names = ()
    assert match_classes(dataset(("a", "b", "c")), model)[0].class_names == ("a", "b", "c")
    with pytest.raises(DataError, match="net has 3 classes, few has 2"):
        match_classes(dataset(("a", "b")), model)


def test_numbered_classes_fit_a_model_named_by_hand_and_no_trained_one():
    model, data = net(COLOURS), dataset(("0", "1", "2"))
    matched, note = match_classes(data, model)
    assert (matched.class_names, note) == (COLOURS, "")
    np.testing.assert_array_equal(matched.y_test, data.y_test)
    model.recipe = {"epochs": 1}  # of an earlier version, which kept no record
    with pytest.raises(
        DataError, match="net knows the classes blue, green, red, few has 0, 1, 2: none has the same name"
    ):
        match_classes(data, model)
    model.recipe = None
    fit(model, dataset(COLOURS), epochs=1)
    with pytest.raises(DataError, match="none has the same name"):
        match_classes(data, model)


def test_other_image_shape_is_refused():
    model = CNN([Flatten(), Dense(8, 3)], input_shape=(1, 4, 2), class_names=COLOURS)
    with pytest.raises(ShapeError, match="expects images of shape 1×4×2, got 1×3×2 from few"):
        match_classes(dataset(("red", "blue")), model)


def test_evaluate_matches_named_labels():
    model, data = net(COLOURS), dataset(("red", "blue", "green"))
    matched, _ = match_classes(data, model)
    expected = evaluate(model, matched.x_test, matched.y_test)
    assert evaluate(model, data.x_test, data.y_test, class_names=data.class_names) == expected
    assert evaluate(model, data.x_test, data.y_test).loss != expected.loss
    with pytest.raises(
        DataError, match=r"net knows the classes blue, green, red, got images of violet: leave them out"
    ):
        evaluate(model, data.x_test, data.y_test, class_names=("red", "violet", "green"))


def test_training_continues_with_the_classes_in_the_order_of_the_model():
    model, data = net(COLOURS), dataset(("red", "blue", "green"))
    other = net(COLOURS)
    fit(model, data, epochs=2)
    fit(other, match_classes(data, other)[0], epochs=2)
    assert model.class_names == COLOURS
    assert model.fingerprint() == other.fingerprint()
    fit(model, dataset(("ant", "bee", "cat")), epochs=1)  # a new task
    assert model.class_names == ("ant", "bee", "cat")


class CutError(Exception):
    """Interrupts a training."""


@pytest.fixture
def interrupted(tmp_path):
    """Data, and the checkpoint of a training that was interrupted after two of three epochs."""

    def cut(epoch):
        if epoch.epoch == 2:
            raise CutError

    data = dataset(COLOURS)
    with pytest.raises(CutError):
        fit(fresh(), data, epochs=3, checkpoint=tmp_path / "checkpoint.npz", on_epoch=cut)
    return data, tmp_path / "checkpoint.npz"


def fresh():
    """A model that has no class names yet."""
    model = net(COLOURS)
    model.class_names = ()
    return model


def test_resume_matches_classes_by_name(interrupted):
    data, path = interrupted
    whole, model = fresh(), fresh()
    fit(whole, data, epochs=3)
    fit(model, match_classes(data, net(("red", "green", "blue")))[0], epochs=3, resume=path)
    assert (model.class_names, model.fingerprint()) == (COLOURS, whole.fingerprint())


def test_resume_with_other_classes_is_refused(interrupted):
    data, path = interrupted
    with pytest.raises(
        CheckpointError, match="another training, with the classes blue, green, red instead of cat, dog, owl: resume"
    ):
        fit(fresh(), replace(data, class_names=("cat", "dog", "owl")), epochs=3, resume=path)


def test_resume_recognises_the_data_by_content(interrupted):
    data, path = interrupted
    assert len(fit(fresh(), replace(data, name="moved", source="there"), epochs=3, resume=path).epochs) == 3
    data.x_test[0, 0, 0, 0] ^= 1
    with pytest.raises(CheckpointError, match="with checksum of the images"):
        fit(fresh(), data, epochs=3, resume=path)


# --- images that the model was trained on ------------------------------------------------------------


@pytest.fixture
def trained():
    data = dataset(COLOURS, split={"seed": 0, "test_share": 0.33})
    model = net(COLOURS)
    fit(model, data, epochs=1)
    return model, data


def swapped(data):
    """Another split of the same images."""
    images, labels = np.concatenate([data.x_test, data.x_train]), np.concatenate([data.y_test, data.y_train])
    return replace(data, x_train=images[:9], y_train=labels[:9], x_test=images[9:], y_test=labels[9:])


def test_same_split_is_kept_and_nothing_said(trained):
    model, data = trained
    assert match_data(data, model) == (data, [])
    assert trained_on_warning(data.x_test, model) == ""


def test_test_images_are_those_that_were_held_out(trained):
    model, data = trained
    chosen, notes = match_data(swapped(data), model)
    assert sorted(map(bytes, chosen.x_test)) == sorted(map(bytes, data.x_test))
    assert sorted(map(bytes, chosen.x_train)) == sorted(map(bytes, data.x_train))
    check_labels(chosen, COLOURS)
    assert notes == ["few: the test images are the 6 of 18 that net was not trained on, recognised by their content."]
    assert trained_on_warning(chosen.x_test, model) == ""


def test_new_images_are_test_images(trained):
    model, data = trained
    more = dataset(COLOURS, seed=5)
    mixed = replace(
        data, x_train=more.x_train, y_train=more.y_train,
        x_test=np.concatenate([data.x_train, data.x_test]), y_test=np.concatenate([data.y_train, data.y_test]),
    )  # fmt: skip
    chosen, note = leave_out_trained(mixed, model)
    assert (len(chosen.x_test), len(chosen.x_train)) == (18, 12)
    assert "the 18 of 30 that net was not trained on" in note


def test_split_that_is_kept_gets_a_warning(trained):
    model, data = trained
    kept, notes = match_data(swapped(data), model, keep_split=True)
    assert (len(kept.x_test), notes) == (9, [])
    assert trained_on_warning(kept.x_test, model).startswith("Warning: net was trained on 9 of these 9 images: ")
    assert trained_on_warning(np.concatenate([data.x_test, data.x_train[:2]]), model).startswith(
        "Warning: net was trained on 2 of these 8 images: "
    )


def test_split_of_the_data_set_itself_is_kept(trained):
    model, data = trained
    given = replace(swapped(data), split={})
    assert match_data(given, model) == (given, [])


def test_images_that_were_all_trained_on_are_kept_with_a_warning(trained):
    model, data = trained
    seen = replace(data, x_test=data.x_train, y_test=data.y_train)
    assert match_data(seen, model)[0] is seen
    assert "12 of these 12 images" in trained_on_warning(seen.x_test, model)


def test_model_without_a_record_is_evaluated_without_a_word(trained):
    model, data = trained
    model.trained_on = None
    assert match_data(swapped(data), model)[1] == []
    assert trained_on_warning(data.x_train, model) == ""


def test_copies_of_training_images_are_counted():
    data = dataset(COLOURS)
    assert repeated_images(data) == ""
    copied = replace(
        data, x_test=np.concatenate([data.x_test, data.x_train[:2]]), y_test=np.append(data.y_test, [0, 0])
    )
    assert repeated_images(copied).startswith("Warning: 2 of the 8 test images of few are copies of training images: ")


# --- baselines -----------------------------------------------------------------------------------------


def test_outputs_are_ordered_by_name():
    for layers in (None, [Flatten(), Dense(6, 4), ReLU(), Dense(4, 3), Softmax()]):
        model = net(COLOURS, layers)
        images = dataset(COLOURS).x_test
        names = ("red", "blue", "green")
        ordered = order_classes(model, names)
        assert (ordered.class_names, model.class_names) == (names, COLOURS)
        np.testing.assert_allclose(ordered.predict_proba(images), model.predict_proba(images)[:, [2, 0, 1]], rtol=1e-6)
        assert order_classes(model, COLOURS) is model


def test_model_of_other_classes_cannot_be_ordered():
    with pytest.raises(
        DataError, match="net knows the classes blue, green, red, expected blue, green, violet: choose a"
    ):
        order_classes(net(COLOURS), ("blue", "green", "violet"))
    model = net(COLOURS, [Flatten(), Dense(6, 3), ReLU()])
    with pytest.raises(DataError, match="which cannot be changed: expected Dense as its last layer, got ReLU"):
        order_classes(model, COLOURS[::-1])
