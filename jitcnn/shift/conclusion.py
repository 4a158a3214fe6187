"""Conclusions from the results of a translation lab, as sentences."""

from collections.abc import Iterator
from itertools import product
from math import isfinite, sqrt

from .moving import pixels
from .results import Lab, LabNet

DISTANCES = (1, 2, 4, 8)
EXACT = 1e-5  # differences up to here are float32 rounding
POOLED = ("max", "average", "blurred")
# Nets compared with each other, both trained on unshifted images, and the metrics with their shift distance in pixels.
PAIRS = (("max", "dense"), ("max", "strided"), ("blurred", "max"))
MEASURES = (("agreement", 1), ("accuracy", 2))


def summarise_lab(lab: Lab) -> str:
    """Summarise the results, one sentence per line; sentences without measurements are omitted.

    Examples
    --------
    >>> from jitcnn.shift import Lab, summarise_lab
    >>> summarise_lab(Lab("digits", 100, 10, 0))  # nothing was measured
    ''
    """
    return "\n".join([*_inside(lab), *_tolerance(lab), *_pairs(lab), *_global(lab), *_augmentation(lab), *_far(lab)])


def _inside(lab: Lab) -> Iterator[str]:
    """Equivariance of feature maps: first convolutions, then downsampled maps."""
    plain = [net for net in lab.nets if not net.augmented]
    dense = [each.largest for net in plain for each in net.inside if each.stride == 1]
    if dense:
        verdict = (
            "Convolution is translation-equivariant"
            if max(dense) <= EXACT
            else "Convolution is not translation-equivariant here"
        )
        yield (
            f"{verdict}: when the input shifts by 1 or 2 pixels, the feature maps of a first convolution with stride 1 differ "
            f"from their shifted copies by {_closely(max(dense), 'of their maximum')}, away from the border."
        )
    halved = {net.title: {each.shift: each for each in net.inside if each.stride > 1} for net in plain}
    halved = {title: of_net for title, of_net in halved.items() if {1, 2} <= of_net.keys()}
    if halved:
        even = max(of_net[2].largest for of_net in halved.values())
        odd = ", ".join(f"{of_net[1].typical:.0%} ({title})" for title, of_net in halved.items())
        follow = "follow" if even <= EXACT else "do not follow"
        lost = all(of_net[1].typical > 1e-3 for of_net in halved.values())
        yield (
            f"After the first downsampling, feature maps {follow} a shift by 2 pixels (difference: {_closely(even)}), "
            f"{'but' if lost and even <= EXACT else 'and'} after a shift by 1 pixel their RMS difference from maps shifted by "
            f"half a step is {odd}."
        )


def _tolerance(lab: Lab) -> Iterator[str]:
    """Accuracy loss of the pooling nets at small and larger shifts."""
    nets = [net for name in POOLED if (net := lab.find(name, augmented=False)) is not None]
    nets = [net for net in nets if net.shifts.reach >= 4]
    if not nets:
        return
    near, far = ([_lost(net, distance) for net in nets] for distance in (1, 4))
    names = _joined([net.title for net in nets])
    numbers = f"accuracy drops by {_points(min(near), max(near))} at 1 pixel and {_points(min(far), max(far))} at 4"
    if max(near) > 0.05:
        yield f"Pooling does not always tolerate even a 1-pixel shift: {numbers} ({names})."
    elif min(far) > 0.1:
        yield f"Pooling gives tolerance to small shifts, not invariance: {numbers} ({names})."
    elif max(far) <= 0.02:
        yield f"Shifts up to 4 pixels do not distinguish tolerance from invariance: {numbers} ({names})."
    else:
        yield f"Pooling gives tolerance to small shifts, to different degrees: {numbers} ({names})."


def _pairs(lab: Lab) -> Iterator[str]:
    """Pairwise comparisons of nets."""
    for (one, other), (what, distance) in product(PAIRS, MEASURES):
        first, second = lab.find(one, augmented=False), lab.find(other, augmented=False)
        if first is None or second is None or first.shifts.reach < distance:
            continue
        a, b = (getattr(net.shifts, f"{what}_at")(distance) for net in (first, second))
        metric = "accuracy" if what == "accuracy" else "agreement with the unshifted prediction"
        yield (
            f"At a shift of {pixels(distance)}, {metric} is {a:.1%} for {first.title} and {b:.1%} for {second.title} "
            f"({_compared(a, b, first.shifts.image_count)})."
        )


def _global(lab: Lab) -> Iterator[str]:
    """The net with global average pooling, compared with the nets with dense layers."""
    net, distance = lab.find("global", augmented=False), lab.augmented_by
    others = [each for each in lab.nets if not each.augmented and each is not net]
    if net is None or not others or net.shifts.reach < distance:
        return
    lost, theirs = _lost(net, distance), [_lost(each, distance) for each in others]
    verdict = (
        "the least" if lost < min(theirs) else "the most" if lost > max(theirs) else "neither the least nor the most"
    )
    yield (
        f"Global average pooling discards position, but the net using it loses {100 * lost:.1f} points of accuracy at "
        f"{pixels(distance)}, {verdict} of all nets; the others lose {_points(min(theirs), max(theirs))}."
        if lost > 0.05
        else f"The net with global average pooling loses {100 * lost:.1f} points of accuracy at {pixels(distance)}; the others "
        f"lose {_points(min(theirs), max(theirs))}."
    )


def _augmentation(lab: Lab) -> Iterator[str]:
    """Effect of shift augmentation at the largest distance it covers."""
    distance = lab.augmented_by
    both = [(net, lab.find(net.name, augmented=True)) for net in lab.nets if not net.augmented]
    pairs = [(plain, shifted) for plain, shifted in both if shifted is not None and plain.shifts.reach >= distance]
    if not pairs:
        return
    gains = sorted((_at(shifted, distance) - _at(plain, distance), plain.title) for plain, shifted in pairs)
    costs = [_at(shifted, 0) - _at(plain, 0) for plain, shifted in pairs]
    yield (
        f"Training with shifts up to {pixels(distance)} changes the accuracy at {pixels(distance)} by "
        f"{100 * gains[0][0]:+.0f} ({gains[0][1]}) to {100 * gains[-1][0]:+.0f} points ({gains[-1][1]}), and the unshifted "
        f"accuracy by {100 * min(costs):+.1f} to {100 * max(costs):+.1f} points."
    )
    best_plain = max((_at(plain, distance), plain.title) for plain, _ in pairs)
    best, worst = (choose((_at(shifted, distance), shifted.title) for _, shifted in pairs) for choose in (max, min))
    order = "higher" if worst[0] > best_plain[0] else "not higher"
    yield (
        f"With these shifts, the accuracy at {pixels(distance)} is {worst[0]:.1%} ({worst[1]}) to {best[0]:.1%} ({best[1]}); "
        f"the lowest is {order} than the best without them ({best_plain[1]}, {best_plain[0]:.1%})."
    )


def _far(lab: Lab) -> Iterator[str]:
    """The largest distance, where part of the image content is cut off."""
    distance = max((d for d in lab.ink_kept if d > lab.augmented_by), default=0)
    nets = [net for net in lab.nets if distance and net.shifts.reach >= distance]
    if nets:
        best = max(nets, key=lambda net: _at(net, distance))
        trained = "with" if best.augmented else "without"
        yield (
            f"At {pixels(distance)}, with {lab.ink_kept[distance]:.0%} of the ink left in the image, the best accuracy is "
            f"{_at(best, distance):.1%} ({best.title}, trained {trained} shifts): no net is translation-invariant."
            if _lost(best, distance) > 0.05
            else f"At {pixels(distance)}, the accuracy of {best.title} is still {_at(best, distance):.1%}: almost "
            "translation-invariant."
        )


def _at(net: LabNet, distance: int) -> float:
    return net.shifts.accuracy_at(distance)


def _lost(net: LabNet, distance: int) -> float:
    """Unshifted accuracy minus accuracy at a distance."""
    return _at(net, 0) - _at(net, distance)


def _compared(a: float, b: float, images: int) -> str:
    """Difference of two proportions of ``images``, if above two standard errors."""
    noise = 2 * sqrt((a * (1 - a) + b * (1 - b)) / images)
    if not isfinite(a - b) or abs(a - b) <= noise:
        return f"no significant difference on {images:,} images"
    return f"{100 * (a - b):+.1f} points"


def _closely(difference: float, of_what: str = "") -> str:
    return "exactly 0" if difference == 0 else f"at most {difference:.0e} {of_what}".rstrip()


def _points(least: float, most: float) -> str:
    low, high = f"{100 * least:.1f}", f"{100 * most:.1f}"
    return f"{low} points" if low == high else f"{low} to {high} points"


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
