"""Many images are read in order on several threads."""

import threading
import warnings

import pytest

from jitcnn.data import reading
from jitcnn.data.reading import read_all
from jitcnn.errors import DataError, ShapeError


def test_results_keep_their_order_and_errors_their_place(monkeypatch):
    monkeypatch.setattr(reading, "cores", lambda: 4)
    first_waits = threading.Event()

    def read(number):
        if number == 0:
            assert first_waits.wait(5)
        first_waits.set()
        if number == 2:
            raise DataError("number 2 is broken")
        return 10 * number

    counts = []
    results = read_all(read, range(5), counts.append)
    assert [str(each) for each in results] == ["0", "10", "number 2 is broken", "30", "40"]
    assert counts == [1, 2, 3, 4, 5]


def test_other_errors_stop_the_reading():
    def read(number):
        raise ShapeError("no model for images")

    with pytest.raises(ShapeError, match="no model for images"):
        read_all(read, range(100))


def test_nothing_to_read():
    assert read_all(str, []) == []


def test_warnings_of_decoders_are_not_shown_and_filters_are_kept():
    before = list(warnings.filters)
    read_all(lambda _: warnings.warn("damaged EXIF", stacklevel=1), range(20))
    assert warnings.filters == before
