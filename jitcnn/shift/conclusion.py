"""What the numbers of a translation lab show, in sentences made of comparisons of them."""

from collections.abc import Iterator
from itertools import product
from math import isfinite, sqrt

from .moving import pixels
from .results import Lab, LabNet

DISTANCES = (1, 2, 4, 8)
EXACT = 1e-5  # differences up to here are rounding in float32
POOLED = ("max", "average", "blurred")
# Which net is set beside which, both trained on unmoved images: always by the same two measures, at so many pixels.
PAIRS = (("max", "dense"), ("max", "strided"), ("blurred", "max"))
MEASURES = (("agreement", 1), ("accuracy", 2))


def conclude(lab: Lab) -> str:
    """The sentences, one to a line; those for which nothing was measured are left out."""
    return "\n".join([*_inside(lab), *_tolerance(lab), *_pairs(lab), *_global(lab), *_augmentation(lab), *_far(lab)])


def _inside(lab: Lab) -> Iterator[str]:
    """Whether maps move with the image: first convolutions, then halved maps."""
    plain = [net for net in lab.nets if not net.augmented]
    dense = [each.largest for net in plain for each in net.inside if each.stride == 1]
    if dense:
        verdict = "A convolution is equivariant" if max(dense) <= EXACT else "A convolution is not equivariant here"
        yield (
            f"{verdict}: when the image moves by 1 or 2 pixels, the maps of a first convolution of stride 1 move with it "
            f"{_closely(max(dense), 'of their largest number')}, away from the border."
        )
    halved = {net.title: {each.shift: each for each in net.inside if each.stride > 1} for net in plain}
    halved = {title: of_net for title, of_net in halved.items() if {1, 2} <= of_net.keys()}
    if halved:
        even = max(of_net[2].largest for of_net in halved.values())
        odd = ", ".join(f"{of_net[1].typical:.0%} ({title})" for title, of_net in halved.items())
        follow = "follow" if even <= EXACT else "do not follow"
        lost = all(of_net[1].typical > 1e-3 for of_net in halved.values())
        yield (
            f"Behind the first halving the maps {follow} a move by 2 pixels {_closely(even)}, "
            f"{'but not' if lost and even <= EXACT else 'and'} a move by 1: they are off by {odd}, root mean square, from the "
            "maps moved by half a step."
        )


def _tolerance(lab: Lab) -> Iterator[str]:
    """What small and larger shifts cost the nets that pool."""
    nets = [net for name in POOLED if (net := lab.find(name, augmented=False)) is not None]
    nets = [net for net in nets if net.shifts.reach >= 4]
    if not nets:
        return
    near, far = ([_lost(net, distance) for net in nets] for distance in (1, 4))
    names = _joined([net.title for net in nets])
    numbers = f"{_points(min(near), max(near))} at 1 pixel, {_points(min(far), max(far))} at 4"
    if max(near) > 0.05:
        yield f"Not even 1 pixel is forgiven by all: {names} lose {numbers}."
    elif min(far) > 0.1:
        yield f"Pooling gives tolerance of small shifts, not invariance: {names} lose {numbers}."
    elif max(far) <= 0.02:
        yield f"Up to 4 pixels these numbers do not tell pooling from invariance: {names} lose {numbers}."
    else:
        yield f"Pooling gives tolerance of small shifts, and not the same to all: {names} lose {numbers}."


def _pairs(lab: Lab) -> Iterator[str]:
    """One net beside another."""
    for (one, other), (what, distance) in product(PAIRS, MEASURES):
        first, second = lab.find(one, augmented=False), lab.find(other, augmented=False)
        if first is None or second is None or first.shifts.reach < distance:
            continue
        a, b = (getattr(net.shifts, f"{what}_at")(distance) for net in (first, second))
        does = "reads" if what == "accuracy" else "gives the same answer as unmoved on"
        yield (
            f"Moved by {pixels(distance)}, {first.title} {does} {a:.1%} of the images, {second.title} {b:.1%}: "
            f"{_compared(a, b, first.shifts.image_count)}."
        )


def _global(lab: Lab) -> Iterator[str]:
    """The net that ends in the mean of every plane, beside those that end in dense layers."""
    net, distance = lab.find("global", augmented=False), lab.augmented_by
    others = [each for each in lab.nets if not each.augmented and each is not net]
    if net is None or not others or net.shifts.reach < distance:
        return
    lost, theirs = _lost(net, distance), [_lost(each, distance) for each in others]
    verdict = "least" if lost < min(theirs) else "most" if lost > max(theirs) else "neither least nor most"
    yield (
        f"The mean of every plane forgets where something stood, and yet the net that ends in it loses {100 * lost:.1f} points at "
        f"{pixels(distance)}, {verdict} of all: the others {_points(min(theirs), max(theirs))}."
        if lost > 0.05
        else f"The net that ends in the mean of every plane loses {100 * lost:.1f} points at {pixels(distance)}, the others "
        f"{_points(min(theirs), max(theirs))}."
    )


def _augmentation(lab: Lab) -> Iterator[str]:
    """What learning from shifted images changes, at the largest distance that it covers."""
    distance = lab.augmented_by
    both = [(net, lab.find(net.name, augmented=True)) for net in lab.nets if not net.augmented]
    pairs = [(plain, shifted) for plain, shifted in both if shifted is not None and plain.shifts.reach >= distance]
    if not pairs:
        return
    gains = sorted((_at(shifted, distance) - _at(plain, distance), plain.title) for plain, shifted in pairs)
    costs = [_at(shifted, 0) - _at(plain, 0) for plain, shifted in pairs]
    yield (
        f"Learning from images moved by up to {pixels(distance)} changes the accuracy at {pixels(distance)} by "
        f"{100 * gains[0][0]:+.0f} ({gains[0][1]}) to {100 * gains[-1][0]:+.0f} points ({gains[-1][1]}), and unmoved by "
        f"{100 * min(costs):+.1f} to {100 * max(costs):+.1f}."
    )
    best_plain = max((_at(plain, distance), plain.title) for plain, _ in pairs)
    best, worst = (choose((_at(shifted, distance), shifted.title) for _, shifted in pairs) for choose in (max, min))
    order = "more" if worst[0] > best_plain[0] else "less"
    yield (
        f"With it the nets read {worst[0]:.1%} ({worst[1]}) to {best[0]:.1%} ({best[1]}) there; the least of them reads "
        f"{order} than the best without it ({best_plain[1]}, {best_plain[0]:.1%})."
    )


def _far(lab: Lab) -> Iterator[str]:
    """The largest distance, where part of what is on the images has fallen off."""
    distance = max((d for d in lab.ink_kept if d > lab.augmented_by), default=0)
    nets = [net for net in lab.nets if distance and net.shifts.reach >= distance]
    if nets:
        best = max(nets, key=lambda net: _at(net, distance))
        trained = "with" if best.augmented else "without"
        yield (
            f"At {pixels(distance)}, where {lab.ink_kept[distance]:.0%} of the ink is still on the image, the best reads "
            f"{_at(best, distance):.1%} ({best.title}, {trained} shifted images): no net here is invariant."
            if _lost(best, distance) > 0.05
            else f"At {pixels(distance)} {best.title} still reads {_at(best, distance):.1%}: as good as invariant."
        )


def _at(net: LabNet, distance: int) -> float:
    return net.shifts.accuracy_at(distance)


def _lost(net: LabNet, distance: int) -> float:
    """Accuracy unmoved less that at a distance."""
    return _at(net, 0) - _at(net, distance)


def _compared(a: float, b: float, images: int) -> str:
    """``a`` beside ``b``, where so many images were asked: two standard errors are no difference."""
    noise = 2 * sqrt((a * (1 - a) + b * (1 - b)) / images)
    if not isfinite(a - b) or abs(a - b) <= noise:
        return f"no difference that {images:,} images could show"
    return f"{100 * abs(a - b):.1f} points {'more' if a > b else 'less'}"


def _closely(difference: float, of_what: str = "") -> str:
    return "exactly" if difference == 0 else f"to within {difference:.0e} {of_what}".rstrip()


def _points(least: float, most: float) -> str:
    low, high = f"{100 * least:.1f}", f"{100 * most:.1f}"
    return f"{low} points" if low == high else f"{low} to {high} points"


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
