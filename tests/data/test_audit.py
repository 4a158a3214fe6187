"""audit: every fault is planted and found, and clean data sets have none."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from jitcnn.data import DataReport, Dataset, audit, load_dataset, load_digits, load_folder
from jitcnn.data.auditing.duplicates import similar_pairs
from jitcnn.data.auditing.pixels import average, read_pixels
from jitcnn.support.image_rows import ImageRows


def noise(count=60, shape=(1, 12, 10), seed=0):
    """Images that differ from each other in everything."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def noisy(trained=60, tested=50, classes=2, names=(), **more):
    """A data set of noise, whose classes have nothing in common."""
    images = noise(trained + tested)
    labels = np.arange(trained + tested) % classes
    return Dataset(
        "noise", "drawn", images[:trained], labels[:trained], images[trained:], labels[trained:], tuple(names), **more
    )


def found(data, kind, path=None):
    """The only finding of this kind."""
    (finding,) = audit(data, path).of_kind(kind)
    return finding


def kinds(report):
    return [finding.kind for finding in report.findings]


@pytest.fixture(scope="module")
def digits():
    """Some of the digits, clean, with copies of their arrays."""
    data = load_digits().limited(500)
    return replace(data, x_train=data.x_train.copy(), y_train=data.y_train.copy())


@pytest.fixture
def mutable(digits):
    return replace(digits, x_train=digits.x_train.copy(), y_train=digits.y_train.copy())


def written(images, path):
    """A CSV of pixels, with labels 0 and 1 in turn, as a data set."""
    rows = [["label", *map(str, range(images[0].size))]]
    rows += [[k % 2, *image.ravel().tolist()] for k, image in enumerate(images)]
    path.write_text("\n".join(",".join(map(str, row)) for row in rows))
    return load_dataset(path)[0]


def test_negative_numbers_are_no_similar_names():
    assert audit(noisy(names=("-1", "1", "1.0"))).of_kind("similar-class-names") == []


def test_few_pixels_that_darken_all_others_are_found(tmp_path):
    images = noise(200, (1, 11, 11)).astype(int)
    images[7, 0, 3, 3] = 999
    finding = found(written(images, tmp_path / "a.csv"), "value-outliers")
    assert (finding.severity, finding.count) == ("hint", 1)
    assert finding.sentence.startswith("There is 1 pixel of 24,200 above 255, for which values of 0 to 1,023 (10 bits)")
    assert len(finding.images) == 1


def test_many_pixels_above_255_are_no_outliers(tmp_path):
    images = noise(200, (1, 11, 11)).astype(int)
    images[7, 0, 3, :6] = 999
    assert audit(written(images, tmp_path / "a.csv")).of_kind("value-outliers") == []


def test_digits_have_nothing_wrong():
    report = audit(load_digits())
    assert all(finding.severity == "hint" for finding in report.findings)
    assert kinds(report) in ([], ["unexpected-label"])


def test_noise_has_nothing_wrong():
    assert kinds(audit(noisy())) == []


def test_statistics_are_those_of_the_training_images():
    data = noisy()
    report = audit(data)
    assert report.image_shape == (1, 12, 10)
    assert report.value_range == (0, 255)
    assert report.mean == pytest.approx([data.x_train.mean()])
    assert report.std == pytest.approx([data.x_train.std()], rel=1e-4)
    assert [(part.name, part.images, part.per_class) for part in report.parts] == [
        ("training", 60, (30, 30)), ("test", 50, (25, 25)),
    ]  # fmt: skip


def test_colour_channels_have_their_own_mean():
    images = noise(40, (3, 8, 8))
    images[:, 1] //= 2
    data = Dataset("colours", "drawn", images[:30], np.arange(30) % 2, images[30:], np.arange(10) % 2)
    assert audit(data).mean == pytest.approx(images[:30].mean(axis=(0, 2, 3)))


def test_float_images_keep_their_unit():
    images = noise(60) / np.float32(255)
    data = Dataset("floats", "drawn", images, np.arange(60) % 2, images[:0], np.arange(0))
    report = audit(data)
    assert report.value_range == (0, 1)
    assert report.mean == pytest.approx([images.mean()], rel=1e-4)
    assert report.std == pytest.approx([images.std()], rel=1e-3)


def test_chunks_and_memory_maps_give_the_same_report(tmp_path, monkeypatch, digits):
    expected = audit(digits)
    monkeypatch.setattr("jitcnn.support.image_rows.BLOCK", 100_000)
    monkeypatch.setattr("jitcnn.data.auditing.pixels.CHUNK", 20_000)
    mapped = np.memmap(tmp_path / "images", np.uint8, "w+", shape=digits.x_train.shape)
    order = np.random.default_rng(0).permutation(len(mapped))
    mapped[order] = digits.x_train
    data = replace(digits, x_train=ImageRows(mapped, order))
    found_again = audit(data)
    assert found_again.findings == expected.findings
    assert found_again.mean == pytest.approx(expected.mean)


def test_validation_images_are_a_part_of_their_own():
    images, labels = noise(90), np.arange(90) % 2
    data = Dataset(
        "three", "drawn", images[:50], labels[:50], images[50:70], labels[50:70], x_validation=images[70:],
        y_validation=labels[70:],
    )  # fmt: skip
    assert [part.name for part in audit(data).parts] == ["training", "validation", "test"]
    images[75] = images[3]
    finding = found(replace(data, y_validation=labels[70:]), "duplicates-across-splits")
    assert finding.sentence.startswith("1 validation image is also among the training images")


def test_held_out_images_are_called_validation():
    assert [part.name for part in audit(noisy().validation(20)).parts] == ["training", "validation"]


def test_duplicate_across_splits_is_an_error():
    data = noisy()
    data.x_test[[4, 5]] = data.x_train[[8, 9]]
    finding = found(data, "duplicates-across-splits")
    assert (finding.severity, finding.count) == ("error", 2)
    assert finding.sentence.startswith("2 test images are also among the training images")
    assert finding.examples == ("training 8 (0) = test 4 (0)", "training 9 (1) = test 5 (1)")
    assert [(place.part, place.index) for place in finding.images] == [
        ("training", 8),
        ("test", 4),
        ("training", 9),
        ("test", 5),
    ]


def test_duplicates_within_a_part_are_counted_without_the_first():
    data = noisy()
    data.x_train[[10, 20, 30]] = data.x_train[0]
    finding = found(data, "duplicates")
    assert (finding.severity, finding.count) == ("warning", 3)
    assert finding.examples == ("training 0 (0) = training 10 (0) = training 20 (0) = training 30 (0)",)


def test_equal_images_with_two_labels_are_an_error():
    data = noisy()
    data.x_train[11] = data.x_train[0]
    report = audit(data)
    assert kinds(report) == ["contradicting-labels"]  # not also as a duplicate
    finding = report.findings[0]
    assert (finding.severity, finding.count, finding.examples) == ("error", 1, ("training 0 (0) = training 11 (1)",))


@pytest.mark.parametrize("quality", [90, 95])
def test_jpeg_copy_is_a_near_duplicate(mutable, quality):
    file = io.BytesIO()
    Image.fromarray(mutable.x_test[7, 0]).save(file, "JPEG", quality=quality)
    mutable.x_train[3] = np.asarray(Image.open(file))
    finding = found(mutable, "near-duplicates")
    assert (finding.severity, finding.count) == ("warning", 1)
    assert [(place.part, place.index) for place in finding.images] == [("training", 3), ("test", 7)]
    assert "1 across the parts" in finding.sentence
    assert finding.examples[0].startswith("training 3 (")
    assert " ≈ test 7 (" in finding.examples[0]


def test_near_duplicates_are_those_of_comparing_all_pairs():
    images, rng = noise(300, (1, 32, 32)), np.random.default_rng(1)
    for k in range(0, 300, 2):  # pairs with a noise of 0 to 9 grey levels, up to more than the limit
        images[k + 1] = np.clip(images[k] + rng.normal(0, k / 33, images[k].shape), 0, 255)
    data = Dataset("pairs", "drawn", images, np.arange(300) % 2, images[:0], np.arange(0))
    flat = images.reshape(300, -1).astype(np.float32)
    gaps, contrast = np.array([np.sqrt(((flat - each) ** 2).mean(axis=1)) for each in flat]), flat.std(axis=1)
    close = np.argwhere(np.triu(gaps < 0.07 * np.minimum(contrast[:, None], contrast), 1))
    assert 60 < len(close) < 120
    np.testing.assert_array_equal(similar_pairs(read_pixels(data), np.ones(300, bool)), close)


def test_empty_class_is_found():
    finding = found(noisy(names=("cat", "dog", "unicorn")), "empty-class")
    assert (finding.severity, finding.examples) == ("warning", ("unicorn",))


def test_class_without_training_images_is_an_error():
    data = noisy(names=("cat", "dog", "fox"))
    data.y_test[0] = 2
    finding = found(data, "untrained-class")
    assert (finding.severity, finding.examples) == ("error", ("fox",))
    assert finding.sentence.startswith("There is 1 class with test images but without training images")


def test_class_without_test_images_is_found():
    data = noisy()
    data.y_test[:] = 0
    assert found(data, "untested-class").examples == ("1",)


def test_class_with_one_image_is_found():
    data = noisy(names=("cat", "dog", "fox"))
    data.y_train[0] = data.y_test[0] = 2
    assert found(data, "one-image-class").examples == ("fox",)


def test_class_with_few_images_is_a_hint():
    data = noisy(names=("cat", "dog", "fox"))
    data.y_train[:9] = data.y_test[0] = 2
    finding = found(data, "few-images")
    assert (finding.severity, finding.examples) == ("hint", ("fox",))


def test_few_test_images_are_a_hint():
    finding = found(noisy(tested=20), "few-test-images")
    assert finding.sentence.startswith("There are 20 test images: each of them is 5.0% of the accuracy")


def test_strong_imbalance_is_found():
    data = noisy(trained=66, names=("common", "rare"))
    data.y_train[:] = np.arange(66) >= 55
    finding = found(data, "imbalance")
    assert finding.sentence.startswith(
        "The largest class has 5 times as many training images as the smallest: 55 in class common"
    )
    assert finding.examples == ("rare 11", "common 55")


def test_mild_imbalance_is_not_reported():
    data = noisy(trained=65)
    data.y_train[:] = np.arange(65) >= 54
    assert not audit(data).of_kind("imbalance")


def test_different_class_shares_are_a_hint():
    data = noisy(trained=100, tested=100)
    data.y_train[:] = np.arange(100) >= 70
    assert "0 has 70% of the training images and 50% of the test images" in found(data, "different-balance").sentence


def test_constant_images_are_found_once():
    data = noisy()
    data.x_train[[5, 6]] = 17
    report = audit(data)
    assert kinds(report) == ["constant"]  # not also as duplicates
    assert report.findings[0].examples == ("training 5 (1)", "training 6 (0)")


def test_almost_constant_image_is_found():
    data = noisy()
    data.x_train[5] = 100
    data.x_train[5, 0, 0, 0] = 103
    assert found(data, "almost-constant").examples == ("training 5 (1)",)


@pytest.mark.parametrize(("kind", "word"), [("bright", "brighter"), ("dark", "darker")])
def test_unusual_brightness_is_found(kind, word):
    data = noisy()
    data.x_train[7] = data.x_train[7] // 8 + (224 if kind == "bright" else 0)
    finding = found(data, kind)
    assert (finding.severity, finding.examples) == ("warning", ("training 7 (1)",))
    assert f"There is 1 image much {word} than the others" in finding.sentence


@pytest.mark.parametrize("count", [1, 150])
def test_inverted_images_are_found_on_plain_background(mutable, count):
    mutable.x_train[:count] = 255 - mutable.x_train[:count]
    finding = found(mutable, "inverted")
    assert finding.count == count
    assert finding.images[0].index == 0


def test_inverted_image_is_found_without_plain_background():
    images = np.repeat(noise(1, (1, 16, 16)), 100, axis=0) // 2 + noise(100, (1, 16, 16)) // 4 + np.uint8(20)
    images[42] = 255 - images[42]
    data = Dataset("same", "drawn", images, np.arange(100) % 2, images[:0], np.arange(0))
    assert found(data, "inverted").examples == ("training 42 (0)",)


def test_values_that_are_not_finite_are_an_error():
    images = noise().astype(np.float32)
    images[4, 0, 0, 0], images[9, 0, 0, 0] = np.nan, np.inf
    data = Dataset("floats", "drawn", images, np.arange(60) % 2, images[:0], np.arange(0))
    finding = found(data, "not-finite")
    assert (finding.severity, finding.examples) == ("error", ("training 4 (0)", "training 9 (1)"))


def test_label_out_of_range_is_an_error():
    data = noisy()
    data.y_train[3] = 7  # after the data set was checked
    finding = found(data, "label-out-of-range")
    assert (finding.severity, finding.examples) == ("error", ("training 3 (7)",))
    assert finding.sentence == "There is 1 label out of range: expected 0 to 1, got 7."


def test_class_names_that_differ_in_case_or_spaces_are_found():
    data = noisy(classes=4, names=("Cat", "dog", "cat ", "sea-horse"))
    finding = found(data, "similar-class-names")
    assert (finding.count, finding.examples) == (1, ("'Cat' and 'cat '",))


def test_wrong_labels_are_worth_a_look(mutable):
    wrong = np.arange(0, 500, 25)
    mutable.y_train[wrong] = (mutable.y_train[wrong] + 1) % 10
    finding = found(mutable, "unexpected-label")
    assert finding.severity == "hint"
    named = {place.index for place in finding.images if place.part == "training"}
    assert len(named & set(wrong.tolist())) >= 14
    assert finding.count - len(named & set(wrong.tolist())) <= 2
    first = finding.images[0].index
    assert (
        finding.examples[0] == f"training {first} ({mutable.y_train[first]}), looks like {mutable.y_train[first] - 1}"
    )


def test_labels_are_not_judged_where_neighbours_disagree():
    report = audit(noisy())
    assert not report.labels.is_judged
    assert "too few to look for wrong labels" in report.facts()["labels"]


def test_labels_of_a_large_set_are_compared_in_a_sample(monkeypatch, digits):
    monkeypatch.setattr("jitcnn.data.auditing.neighbours.MOST", 200)
    check = audit(digits).labels
    assert (check.images, check.of) == (200, 860)
    assert "a sample of 200 of 860 images" in check.describe()


def test_severe_findings_come_first():
    data = noisy(tested=20)
    data.x_test[0] = data.x_train[0]
    data.x_train[5] = 0
    assert kinds(audit(data)) == ["duplicates-across-splits", "constant", "few-test-images"]


def test_report_is_plain_values():
    data = noisy()
    data.x_test[0] = data.x_train[0]
    record = json.loads(json.dumps(audit(data).as_dict()))
    assert record["parts"][0] == {"name": "training", "per_class": [30, 30], "images": 60}
    assert record["findings"][0]["groups"] == [
        [{"part": part, "index": 0, "name": ""} for part in ("training", "test")]
    ]


def test_report_is_text_and_html():
    data = noisy(names=("<b>", "dog"))
    data.x_test[0] = data.x_train[0]
    report = audit(data)
    assert repr(report) == "<DataReport noise: 60 training and 50 test images, 2 classes, 1 finding>"
    assert "error: 1 test image is also among the training images" in str(report)
    html = report._repr_html_()
    assert '<th scope="row">&lt;b&gt;</th><td>30</td><td>25</td>' in html
    assert "<li><b>error</b>: 1 test image is also" in html


def test_empty_test_part_is_no_error():
    data = noisy()
    assert isinstance(audit(replace(data, x_test=data.x_test[:0], y_test=data.y_test[:0])), DataReport)


@pytest.mark.parametrize("count", [0, 1])
def test_one_image_is_no_error(count):
    report = audit(noisy().limited(1) if count else replace(noisy(), x_train=noise(0), y_train=np.arange(0)))
    assert report.parts[0].images == count
    assert str(report)


def test_average_weighs_partly_covered_pixels():
    np.testing.assert_allclose(average(3, 2), [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]], rtol=1e-6)
    np.testing.assert_allclose(average(1, 2), [[1], [1]])


# --- image files ------------------------------------------------------------------------------------


def write_image(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path):
    """Thirty images of noise in two classes, of which one is a copy with another label."""
    for k, image in enumerate(noise(30, (40, 60))):
        write_image(tmp_path / "pets" / ("cat", "dog")[k % 2] / f"{k}.png", image)
    (tmp_path / "pets" / "dog" / "copy.png").write_bytes((tmp_path / "pets" / "cat" / "4.png").read_bytes())
    write_image(tmp_path / "pets" / "cat" / "wide.png", noise(1, (20, 90))[0])
    write_image(tmp_path / "pets" / "cat" / "square.png", noise(1, (50, 50))[0])
    return tmp_path / "pets"


def test_files_are_named(folder):
    data, _ = load_folder(folder)
    finding = found(data, "contradicting-labels", folder)
    assert sorted(finding.examples[0].split(" = ")) == ["cat/4.png", "dog/copy.png"]


def test_copies_in_one_class_have_different_names(folder):
    (folder / "cat" / "again.png").write_bytes((folder / "cat" / "0.png").read_bytes())
    data, _ = load_folder(folder)
    report = audit(data, folder)
    (finding,) = report.of_kind("duplicates") or report.of_kind("duplicates-across-splits")
    assert sorted(finding.examples[0].split(" = ")) == ["cat/0.png", "cat/again.png"]


@pytest.mark.parametrize("size", [None, 28])
def test_jpeg_files_are_named_if_read_without_a_size(tmp_path, size):
    for k, image in enumerate(
        noise(12, (120, 120))
    ):  # which JPEG decodes at half the size for 28 pixels, else at its own
        write_image(tmp_path / ("a", "b")[k % 2] / f"{k}.jpg", image)
    (tmp_path / "a" / "copy.jpg").write_bytes((tmp_path / "b" / "1.jpg").read_bytes())
    data, _ = load_folder(tmp_path, image_size=size)
    assert set(found(data, "contradicting-labels", tmp_path).examples[0].split(" = ")) == {"a/copy.jpg", "b/1.jpg"}


def test_sizes_of_the_files_are_summarised(folder):
    data, _ = load_folder(folder)
    sizes = audit(data, folder).originals
    assert (sizes.files, sizes.smallest, sizes.median, sizes.largest) == (33, (90, 20), (60, 40), (50, 50))
    assert sizes.non_square == pytest.approx(32 / 33)


def test_broken_and_ignored_files_are_found(folder):
    (folder / "cat" / "broken.png").write_bytes(b"no picture")
    (folder / "cat" / "notes.txt").write_text("meow")
    data, _ = load_folder(folder, skip_broken=True)
    report = audit(data, folder)
    (broken,), (ignored,) = report.of_kind("unreadable-files"), report.of_kind("ignored-files")
    assert (broken.severity, broken.count) == ("error", 1)
    assert "broken.png" in broken.examples[0]
    assert (ignored.severity, ignored.count, ignored.examples) == ("hint", 1, ("1 .txt",))


def test_splits_of_a_folder_are_named(tmp_path):
    images = noise(12, (30, 30))
    for k, image in enumerate(images):
        write_image(tmp_path / ("train", "test")[k >= 8] / ("a", "b")[k % 2] / f"{k}.png", image)
    write_image(tmp_path / "test" / "a" / "leak.png", images[2])
    data, _ = load_folder(tmp_path)
    assert found(data, "duplicates-across-splits", tmp_path).examples == ("train/a/2.png = test/a/leak.png",)


def test_files_of_a_csv_are_named(tmp_path):
    images = noise(20, (28, 40))
    for k, image in enumerate(images):
        write_image(tmp_path / f"{k}.png", images[3] if k == 10 else image)
    lines = [f"{k}.png,{('a', 'b')[k % 2]}" for k in range(20)]
    (tmp_path / "labels.csv").write_text("\n".join(["filename,label", *lines]))
    data, _ = load_dataset(tmp_path / "labels.csv")
    report = audit(data, tmp_path / "labels.csv")
    (finding,) = report.of_kind("contradicting-labels")
    assert finding.examples in (("3.png = 10.png (b, a)",), ("10.png = 3.png (a, b)",), ("3.png = 10.png (a, b)",))
    assert report.originals.median == (40, 28)


def test_other_paths_name_nothing(tmp_path):
    data = noisy()
    assert audit(data, tmp_path / "missing").originals is None
    assert audit(data, tmp_path).originals is None
