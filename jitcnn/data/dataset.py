"""What a data set is here: images as bytes, labels as integers, in two halves."""

from dataclasses import dataclass, replace

from ..arrays import IntArray
from ..errors import ConfigError, DataError


@dataclass(frozen=True)
class Dataset:
    """Images to learn from and images to be examined on.

    Parameters
    ----------
    name, source : str, what it is and where it came from
    x_train, x_test : ndarray of shape (N, C, H, W), uint8
    y_train, y_test : ndarray of shape (N,), int64

    Raises
    ------
    DataError
        If images and labels differ in number.
    """

    name: str
    source: str
    x_train: IntArray
    y_train: IntArray
    x_test: IntArray
    y_test: IntArray

    def __post_init__(self) -> None:
        for half, x, y in (("training", self.x_train, self.y_train), ("test", self.x_test, self.y_test)):
            if len(x) != len(y):
                raise DataError(
                    f"{self.name}: expected one label for each {half} image, got {len(x)} images and {len(y)} labels; "
                    "take both files from the same source."
                )

    def limited(self, count: int) -> "Dataset":
        """The same set with at most ``count`` training and ``count`` test images; ConfigError below 1."""
        if count < 1:
            raise ConfigError(f"limit must be at least 1 image, got {count}.")
        return replace(
            self,
            x_train=self.x_train[:count],
            y_train=self.y_train[:count],
            x_test=self.x_test[:count],
            y_test=self.y_test[:count],
        )
