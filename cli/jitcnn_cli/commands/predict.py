"""``jitcnn predict``: classify image files, and the images of data files."""

import click

from jitcnn_cli import options


@click.command("predict")
@click.argument("model", type=click.Path())
@click.argument("images", type=click.Path(allow_dash=True), nargs=-1, required=True, metavar="IMAGE...")
@options.impl_option
@click.option(
    "--skip-broken", is_flag=True, help="Succeed although images cannot be read; they are reported on standard error."
)
@click.option(
    "--csv", "csv_file", type=click.Path(dir_okay=False, allow_dash=True), metavar="FILE",
    help="Write one row per image to FILE, - for standard output, instead of printing the predictions. For a data file of "
    "pixels, the columns are ImageId, from 1, and Label, the class: a submission to Kaggle.",
)  # fmt: skip
@click.option("--digits", is_flag=True, help="Read all digits of each image, left to right; they must not touch.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per image.")
def command(
    model: str, images: tuple[str, ...], impl: str, skip_broken: bool, csv_file: str | None, digits: bool, as_json: bool
) -> None:
    """Classify images with the saved model MODEL.

    IMAGE is a file, a folder (with all folders inside it), a glob such as 'scans/*.png', or - for an image on standard
    input. It can also be one data file of pixels (CSV, .npz, .npy, .h5 or .mat), whose images must have the input shape of the
    model, or a CSV of image files. Images can be PNG, JPEG or similar, of any size; the model determines the preprocessing. Digits, dark on light or
    light on dark, are separated from shadows, lines, frames and specks, resized and centred by mass, as in MNIST. Other
    images are resized and centre-cropped.

    An image that cannot be read does not stop the others: it is reported at the end, and the exit code is 1 unless
    --skip-broken is given.

    A warning names images that the model was trained on. They are recognised if their pixels, decoded and resized, are
    exactly those of a training image: files of the folder it was trained on, wherever they lie now.

    \b
    Example:
      jitcnn predict output/cnn_mnist_model.npz my_digit.png
      jitcnn predict output/cnn_mnist_model.npz test.csv --csv submission.csv
    """
    from jitcnn.net.model import CNN
    from jitcnn_cli.prediction_screen import run

    run(CNN.load(model, impl=impl), images, skip_broken=skip_broken, csv_file=csv_file, as_json=as_json, digits=digits)
