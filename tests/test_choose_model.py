"""``choose_model`` and the model "auto"."""

import pytest

from jitcnn import Recipe, load_recipe
from jitcnn.errors import ConfigError, ShapeError
from jitcnn.initializers import Blank
from jitcnn.models import AUTO, MODELS, choose_model
from jitcnn.training import model_by

SGD = {"kind": "sgd", "learning_rate": 0.1}


@pytest.mark.parametrize(
    ("shape", "images", "name"),
    [
        ((1, 28, 28), 60_000, "mnist-cnn"),
        ((1, 28, 28), 5_000, "mnist-cnn"),
        ((1, 28, 28), 4_999, "mnist-vgg"),
        ((1, 32, 20), 60_000, "mnist-cnn"),
        ((1, 9, 28), 60_000, "mnist-vgg"),
        ((1, 33, 28), 60_000, "cifar-vgg"),
        ((3, 32, 32), 50_000, "cifar-vgg"),
        ((3, 64, 96), 300, "cifar-vgg"),
        ((2, 16, 16), 300, "cifar-vgg"),
        ((3, 97, 64), 300, "resnet18"),
        ((1, 224, 224), 300, "resnet18"),
        ((3, 3, 224), 300, "mnist-dense"),
    ],
)
def test_model_is_chosen_by_size_channels_and_images_per_class(shape, images, name):
    assert choose_model(shape, 10, images)[0] == name


def test_reason_is_one_clause_about_the_images():
    reason = choose_model((1, 28, 28), 10, 1_000)[1]
    assert reason.startswith("greyscale images of 28×28 pixels, 100 per class: ")


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 3, 4, 9, 10, 32, 33, 96, 97, 200])
@pytest.mark.parametrize("images", [10, 100_000])
def test_chosen_model_accepts_the_images(channels, size, images):
    shape = (channels, size, size)
    model = MODELS[choose_model(shape, 10, images)[0]](seed=Blank(), input_shape=shape, num_classes=10)
    assert model.input_shape == shape


@pytest.mark.parametrize(
    ("classes", "images", "what"), [(10, 0, "images"), (0, 10, "num_classes"), (10, 2.5, "images")]
)
def test_numbers_that_are_no_counts_raise(classes, images, what):
    with pytest.raises(ConfigError, match=f"{what} must be an integer of at least 1"):
        choose_model((1, 28, 28), classes, images)


def test_shape_without_channels_raises():
    with pytest.raises(ShapeError, match=r"auto expects an input_shape \(channels, height, width\)"):
        choose_model((28, 28), 10, 100)


def test_recipe_with_model_auto_builds_the_chosen_model():
    recipe = Recipe(epochs=1, batch_size=8, optimizer=SGD, model=AUTO)
    model = model_by(recipe, num_classes=3, input_shape=(3, 40, 40), images=90)
    assert (model.name, model.input_shape, model.num_classes) == ("cifar-vgg", (3, 40, 40), 3)


def test_recipe_with_model_auto_raises_without_the_images():
    message = (
        "The model of the recipe digits is auto, chosen for the data: expected input_shape, num_classes and images"
    )
    with pytest.raises(ConfigError, match=message):
        model_by(load_recipe("digits").changed(model=AUTO))
