"""What ``jitcnn train`` does about the shape of the data: resize images for a fixed model, choose a model, count steps."""

from pathlib import Path
from typing import Any

from jitcnn.data import Dataset
from jitcnn.data.batches import batch_starts, images_in_batches
from jitcnn.models import AUTO, choose_model, fixed_shape
from jitcnn.net.model import CNN
from jitcnn.recipes import PURPOSES, Recipe, load_recipe
from jitcnn.shapes import Shape
from jitcnn.support.text import count_of
from jitcnn.training import model_by
from jitcnn_cli.options import has_image_files
from jitcnn_cli.run_folder import BASELINE

LARGEST_OF_BASELINE = 64 * 64  # pixels: 2.2 million parameters; a colour photograph of this size would need 6.4 million
# That of Krizhevsky et al. (2012) and of Simonyan and Zisserman (2015), whose models have no normalisation.
PLAIN_RATE = 0.01
FEWEST_STEPS = 50  # after as many, running statistics hold 0.9^50 = 0.5 % of their initial values


def fitting_pictures(
    dataset: str, model: str | None, recipe: str, pictures: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """The options for image files: without --image-size and --channels, those of a model that has a fixed input shape.

    Parameters
    ----------
    dataset : name of a data set, a file or a folder
    model, recipe : the options ``--model`` and ``--recipe``
    pictures : the settings of ``load_folder``

    Returns
    -------
    pictures : dict
    note : str, one line if images are resized for the model, else empty
    """
    if model is None and recipe not in PURPOSES:
        model = load_recipe(recipe).model
    shape = None if model is None or not has_image_files(dataset) else fixed_shape(model)
    if model is None or shape is None or len(shape) != 3:
        return pictures, ""
    return resized_for(shape, Path(model).name, pictures)


def resized_for(shape: Shape, model: str, pictures: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The options for image files, completed for a model with this input shape; and a note for the screen."""
    channels, height, width = shape
    own = {"image_size": height if height == width else (height, width), "channels": channels}
    missing = {name: value for name, value in own.items() if pictures.get(name) is None}
    if not missing or channels not in (1, 3):
        return pictures, ""
    colours = "greyscale" if channels == 1 else "colour"
    note = (
        f"images are resized to {height}×{width} in {colours}, the input of {model}" if "image_size" in missing else ""
    )
    return pictures | missing, note


def resolved(recipe: Recipe, data: Dataset) -> tuple[Recipe, str]:
    """The recipe with the model that "auto" selects for the data, and a note with the reason; unchanged for other models."""
    if recipe.model != AUTO:
        return recipe, ""
    name, reason = choose_model(data.image_shape, data.num_classes, len(data.x_train))
    return recipe.changed(model=name), f"model {name}: {reason}"


def slower_without_normalisation(recipe: Recipe, own: Recipe, model: CNN, rate: float | None) -> tuple[Recipe, str]:
    """The recipe with a lower learning rate if it was made for a model that normalises and ``model`` does not; a note.

    Parameters
    ----------
    recipe, own : Recipe, with and without the options of the command line
    model : CNN, the model to train
    rate : float or None, the option ``--lr``, which is kept
    """
    made_for = own.optimizer["learning_rate"]
    if rate is not None or own.optimizer["kind"] != "sgd" or made_for <= PLAIN_RATE or _normalises(model):
        return recipe, ""
    if recipe.model == own.model or not _normalises(model_by(own)):
        return recipe, ""
    note = (
        f"learning rate {PLAIN_RATE} instead of {made_for}, which is for models with normalisation after every layer, such as "
        f"{own.model}; {model.name} has less (--lr sets another)"
    )
    return recipe.changed(learning_rate=PLAIN_RATE), note


def _normalises(model: CNN) -> bool:
    """Whether batch or group normalisation follows every layer with weights, the last one aside."""
    weighted = [
        position for position, layer in enumerate(model.layers) if any(a.ndim > 1 for a in layer.parameters().values())
    ]
    return all(
        any(
            part.short_name == "norm" for part in (model.layers[position + 1], *model.layers[position].inner().values())
        )
        for position in weighted[:-1]
    )


def few_steps(recipe: Recipe, data: Dataset) -> str:
    """A warning, one line, if a training takes too few steps to learn much; else empty."""
    images = images_in_batches(len(data.x_train), recipe.batch_size, drop_last=recipe.drop_last)
    steps = recipe.epochs * len(batch_starts(images, recipe.batch_size))
    if steps >= FEWEST_STEPS:
        return ""
    return (
        f"epochs {recipe.epochs} of {len(data.x_train):,} images at batch size {recipe.batch_size} are only "
        f"{count_of(steps, 'training step')}, too few to learn much: give more --epochs or a smaller --batch-size"
    )


def has_baseline(recipe: Recipe, model: CNN, shape: Shape) -> bool:
    """Whether to train the dense baseline too: for greyscale images, up to a size where it has more parameters than it is worth."""
    return recipe.baseline and model.name != BASELINE and shape[0] == 1 and shape[1] * shape[2] <= LARGEST_OF_BASELINE
