"""``DataReport``: the results of an audit, as plain values, text and HTML."""

from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

from ...support.text import facts_html, printable

SEVERITIES = ("error", "warning", "hint")


@dataclass(frozen=True)
class ImagePlace:
    """Where an image stands: ``part`` is "training", "validation" or "test", ``index`` its position there.

    ``name`` is its file, such as "cat/4.png", if that is known.
    """

    part: str
    index: int
    name: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class Finding:
    """Something that looks wrong.

    Parameters
    ----------
    kind : str, such as "duplicates-across-splits"
    severity : "error" if results become wrong, "warning" if they probably become worse, "hint" if it is worth a look
    sentence : str
    examples : tuple of str, a few images, files or classes
    count : int, number of images, files or classes concerned
    groups : tuple of tuples of ImagePlace, the first images concerned; those that belong together, such as duplicates, are in
        one tuple

    Examples
    --------
    >>> from jitcnn import Dataset
    >>> from jitcnn.data import audit
    >>> images, labels = np.random.default_rng(0).integers(0, 256, (90, 1, 8, 8), np.uint8), np.arange(90) % 2
    >>> images[7] = 0
    >>> finding = audit(Dataset("noise", "drawn", images[:40], labels[:40], images[40:], labels[40:])).findings[0]
    >>> finding.kind, finding.severity, finding.count, finding.examples
    ('constant', 'warning', 1, ('training 7 (1)',))
    >>> finding.images
    [ImagePlace(part='training', index=7)]
    """

    kind: str
    severity: str
    sentence: str
    examples: tuple[str, ...] = ()
    count: int = 0
    groups: tuple[tuple[ImagePlace, ...], ...] = ()

    @property
    def images(self) -> list[ImagePlace]:
        """The images of all groups."""
        return [place for group in self.groups for place in group]


@dataclass(frozen=True)
class PartSummary:
    """One part of a data set: its name, and its number of images per class."""

    name: str
    per_class: tuple[int, ...]

    @property
    def images(self) -> int:
        """Number of images."""
        return sum(self.per_class)


@dataclass(frozen=True)
class OriginalSizes:
    """Sizes (width, height) in pixels of the image files, before they are resized.

    Parameters
    ----------
    files : int, number of files whose size is known
    smallest, median, largest : tuple (width, height), by number of pixels
    non_square : float, share of the files whose width differs from their height
    """

    files: int
    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]
    non_square: float


@dataclass(frozen=True)
class LabelCheck:
    """How far the nearest neighbours of an image agree with its label.

    Parameters
    ----------
    images : int, number of images compared, a sample if the data set has more
    of : int, number of all images
    agreement : float, share of the images whose label is that of most of their neighbours
    is_judged : bool, whether the agreement is high enough to call an image suspicious
    """

    images: int
    of: int
    agreement: float
    is_judged: bool

    def describe(self) -> str:
        """One sentence."""
        sample = f"a sample of {self.images:,} of {self.of:,}" if self.images < self.of else f"all {self.of:,}"
        sentence = f"the nearest neighbours agree with {self.agreement:.1%} of the labels ({sample} images)"
        return sentence if self.is_judged else f"{sentence}, too few to look for wrong labels"


@dataclass(frozen=True)
class DataReport:
    """What ``audit`` found; ``print`` shows it as text, a notebook as tables.

    Parameters
    ----------
    name, source : str
    image_shape : tuple (C, H, W)
    class_names : tuple of str
    parts : tuple of PartSummary
    value_range : tuple, smallest and largest value of a pixel
    mean, std : tuple of float, per channel, of the training images, in the unit of ``value_range``
    findings : tuple of Finding, the severe ones first
    labels : LabelCheck or None, None for fewer images than neighbours
    originals : OriginalSizes or None, of image files

    Examples
    --------
    >>> from jitcnn import load_digits
    >>> from jitcnn.data import audit
    >>> report = audit(load_digits().limited(200))
    >>> report
    <DataReport digits: 200 training and 200 test images, 10 classes, nothing looks wrong>
    >>> for part in report.parts:
    ...     print(part.name, part.images, part.per_class)
    training 200 (25, 15, 21, 19, 25, 20, 14, 26, 19, 16)
    test 200 (17, 19, 25, 23, 23, 18, 22, 14, 20, 19)
    >>> report.mean, report.std
    ((39.53...,), (70.31...,))
    """

    name: str
    source: str
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    parts: tuple[PartSummary, ...]
    value_range: tuple[float, float]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    findings: tuple[Finding, ...]
    labels: LabelCheck | None = None
    originals: OriginalSizes | None = None

    def of_kind(self, kind: str) -> list[Finding]:
        """The findings of a kind."""
        return [each for each in self.findings if each.kind == kind]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a JSON file."""
        record = asdict(self)
        for part, plain in zip(self.parts, record["parts"], strict=True):
            plain["images"] = part.images
        return record

    def facts(self) -> dict[str, str]:
        """Name and value of everything except the classes and the findings, as text."""
        C, H, W = self.image_shape
        low, high = self.value_range
        facts = {
            "images": ", ".join(f"{part.images:,} {part.name}" for part in self.parts),
            "image": f"{C}×{H}×{W} (channels × height × width)",
            "values": f"{low:g} to {high:g}",
            "mean": ", ".join(f"{value:.4g}" for value in self.mean),
            "std": ", ".join(f"{value:.4g}" for value in self.std),
        }
        if self.originals is not None:
            sizes = self.originals
            named = (("smallest", sizes.smallest), ("median", sizes.median), ("largest", sizes.largest))
            told = ", ".join(f"{name} {width}×{height}" for name, (width, height) in named)
            facts["files"] = f"{told} (width × height), {sizes.non_square:.0%} not square"
        if self.labels is not None:
            facts["labels"] = self.labels.describe()
        return facts

    def __repr__(self) -> str:
        count = len(self.findings)
        found = f"{count} finding{'s' * (count != 1)}" if count else "nothing looks wrong"
        images = " and ".join(f"{part.images:,} {part.name}" for part in self.parts)
        noun = "image" if self.parts[-1].images == 1 else "images"
        return f"<DataReport {printable(self.name)}: {images} {noun}, {len(self.class_names)} classes, {found}>"

    def __str__(self) -> str:
        lines = [printable(self.name), *(f"{name + ':':<8}{value}" for name, value in self.facts().items())]
        names = [printable(name, 24) for name in self.class_names]
        width = max(5, *map(len, names))
        lines += ["", f"{'class':<{width}}" + "".join(f"  {part.name:>10}" for part in self.parts)]
        for label, name in enumerate(names):
            lines.append(f"{name:<{width}}" + "".join(f"  {part.per_class[label]:>10,}" for part in self.parts))
        lines.append("")
        for each in self.findings:
            lines.append(f"{each.severity}: {printable(each.sentence)}")
            lines += [f"  {printable(example)}" for example in each.examples]
        return "\n".join(lines if self.findings else [*lines, "nothing looks wrong"])

    def _repr_html_(self) -> str:
        """The report as tables, which a notebook shows."""
        head = "".join(f'<th scope="col">{escape(part.name)}</th>' for part in self.parts)
        rows = "".join(
            f'<tr><th scope="row">{escape(printable(name))}</th>'
            + "".join(f"<td>{part.per_class[label]:,}</td>" for part in self.parts)
            + "</tr>"
            for label, name in enumerate(self.class_names)
        )
        found = "".join(
            f"<li><b>{escape(each.severity)}</b>: {escape(printable(each.sentence))}"
            + (f"<br><small>{escape(printable(', '.join(each.examples)))}</small>" if each.examples else "")
            + "</li>"
            for each in self.findings
        )
        return (
            f"{facts_html(self.facts(), self.name)}"
            f'<table><thead><tr><th scope="col">class</th>{head}</tr></thead><tbody>{rows}</tbody></table>'
            + (f"<ul>{found}</ul>" if found else "<p>Nothing looks wrong.</p>")
        )
