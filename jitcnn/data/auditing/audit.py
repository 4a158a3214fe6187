"""``audit``: go through a data set once, and report its statistics and what looks wrong."""

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from ..dataset import Dataset
from ..fetch import ProgressBar
from .appearance import appearance_findings, usable_images
from .classes import class_findings, summarise
from .duplicates import equal_groups
from .files import SourceFiles
from .neighbours import check_labels
from .pixels import Pixels, read_pixels
from .repeats import equal_findings, is_contradicting, label_findings, similar_findings
from .report import SEVERITIES, DataReport, Finding, ImagePlace
from .wording import EXAMPLES

MEMBERS = 4  # images of a group that are named


def audit(data: Dataset, path: str | os.PathLike[str] | None = None, progress: ProgressBar | None = None) -> DataReport:
    """Report the statistics of a data set, and what looks wrong with it.

    The images are read once, in chunks, so that they may lie in a memory-mapped file. What is found is a reason to look,
    not a proof; nothing is changed.

    Parameters
    ----------
    data : Dataset
    path : folder or CSV that the image files were loaded from, to name them, and to report their sizes and the files left
        out; any other path has no effect
    progress : progress bar that counts image files, as for ``load_dataset``

    Returns
    -------
    DataReport

    Notes
    -----
    Exact duplicates are found by a hash of the pixels, near-duplicates by their thumbnails and then their pixels, both in all
    images; wrong labels by a vote of the nearest neighbours in at most 5,000 images, if these agree with most labels.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from jitcnn import load_digits
    >>> from jitcnn.data import audit
    >>> data = load_digits()
    >>> report = audit(data)
    >>> report
    <DataReport digits: 1,437 training and 360 test images, 10 classes, 1 finding>
    >>> for finding in report.findings:
    ...     print(f"{finding.severity}: {finding.sentence} {finding.examples[0]}")
    hint: There is 1 image worth a look: the label differs from that of the most similar images. training 788 (5), looks like 9

    The first test image once more, among the training images, and with another label:

    >>> x_train, y_train = data.x_train.copy(), data.y_train.copy()
    >>> x_train[5], y_train[5] = data.x_test[0], (data.y_test[0] + 1) % 10
    >>> for finding in audit(replace(data, x_train=x_train, y_train=y_train)).findings[:2]:
    ...     print(finding.kind, finding.count, finding.examples)
    contradicting-labels 1 ('training 5 (0) = test 0 (9)',)
    duplicates-across-splits 1 ('training 5 (0) = test 0 (9)',)
    """
    pixels = read_pixels(data)
    parts = tuple(summarise(part, data.num_classes) for part in pixels.parts)
    names, usable = data.class_names, usable_images(pixels)
    equal = equal_groups(pixels, usable)
    findings = [
        *class_findings(pixels, names, parts),
        *equal_findings(pixels, equal),
        *similar_findings(pixels, equal, usable),
        *appearance_findings(pixels),
    ]
    judged = usable & (pixels.labels >= 0) & (pixels.labels < len(names))
    for group in equal:
        judged[group if is_contradicting(pixels, group) else group[1:]] = False
    check, suspicious = check_labels(pixels, judged)
    findings += label_findings(pixels, names, suspicious)
    files = None if path is None else SourceFiles.find(path, data)
    if files is not None:
        files.name_images(data, [place for each in findings for place in each.images], progress)
        findings += files.findings()
    ordered = sorted(findings, key=lambda each: SEVERITIES.index(each.severity))
    return DataReport(
        data.name, data.source, tuple(data.image_shape), tuple(names), parts, pixels.value_range,
        tuple(pixels.channel_mean.tolist()), tuple(pixels.channel_std.tolist()),
        tuple(_with_examples(each, pixels, names, files) for each in ordered), check,
        None if files is None else files.sizes,
    )  # fmt: skip


def _with_examples(finding: Finding, pixels: Pixels, names: Sequence[str], files: SourceFiles | None) -> Finding:
    """The finding with its images named: by file if that is known, else by part and index; and by class."""
    if not finding.groups:
        return finding
    labels = {part.name: part.y for part in pixels.parts}
    sign = " ≈ " if finding.kind == "near-duplicates" else " = "

    def class_of(place: ImagePlace) -> str:
        label = int(labels[place.part][place.index])
        return names[label] if 0 <= label < len(names) else str(label)

    def text(group: Sequence[ImagePlace]) -> str:
        shown, more = group[:MEMBERS], ", …" * (len(group) > MEMBERS)
        found = [None if files is None else files.names.get(place) for place in shown]
        classes = [class_of(place) for place in shown]
        if None in found:
            return (
                sign.join(f"{place.part} {place.index} ({name})" for place, name in zip(shown, classes, strict=True))
                + more
            )
        are_folders = all(name in Path(str(file)).parts for file, name in zip(found, classes, strict=True))
        named = sign.join(map(str, found)) + more
        return named if are_folders else f"{named} ({', '.join(dict.fromkeys(classes))})"

    shown = map(text, finding.groups[:EXAMPLES])
    examples = tuple(map("".join, zip_longest(shown, finding.examples, fillvalue="")))
    if files is None:
        return replace(finding, examples=examples)
    named = [[replace(place, name=files.names.get(place, "")) for place in group] for group in finding.groups]
    return replace(finding, examples=examples, groups=tuple(map(tuple, named)))
