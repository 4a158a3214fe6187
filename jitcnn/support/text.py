"""Text as it is shown: that of users, such as class names, literal, on one line, of limited length; and counts."""

import re
from collections.abc import Mapping
from html import escape

REPLACEMENT = "�"
# Characters that act on their surroundings instead of being shown: C0 and C1 controls, line and paragraph separators,
# bidirectional overrides and isolates; and surrogates, which stand for undecodable bytes and cannot be encoded.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
ELLIPSIS = "…"


def count_of(count: int, one: str, many: str = "") -> str:
    """Such as "1 image" or "1,200 images".

    Examples
    --------
    >>> count_of(1, "image"), count_of(1200, "class", "classes")
    ('1 image', '1,200 classes')
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def printable(text: str, longest: int | None = None, keep: str = "") -> str:
    """Text without control characters, which are replaced by �, and without a middle where it is too long.

    Parameters
    ----------
    text : str
    longest : int or None, in characters; a longer text loses its middle, so that names that differ at their ends differ
    keep : str, control characters that stay, such as a line break in a text of several lines

    Examples
    --------
    >>> printable("a\\x1b[31mb")
    'a�[31mb'
    >>> printable("abcdefghij", 5)
    'ab…ij'
    """
    shown = CONTROLS.sub(lambda found: found[0] if found[0] in keep else REPLACEMENT, text)
    if longest is None or len(shown) <= longest:
        return shown
    end = (longest - 1) // 2
    return shown[: longest - 1 - end] + ELLIPSIS + shown[len(shown) - end :]


def facts_html(facts: Mapping[str, str], caption: str) -> str:
    """Names and values as an HTML table of two columns, which a notebook shows.

    Examples
    --------
    >>> facts_html({"loss": "0.3"}, "Evaluation")
    '<table><caption>Evaluation</caption><tbody><tr><th scope="row">loss</th><td>0.3</td></tr></tbody></table>'
    """
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(printable(value))}</td></tr>'
        for name, value in facts.items()
    )
    return f"<table><caption>{escape(printable(caption))}</caption><tbody>{rows}</tbody></table>"
