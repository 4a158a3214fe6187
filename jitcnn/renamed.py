"""Old names of attributes and constructor parameters, which work until version 1.0 with a ``DeprecationWarning``."""

from collections.abc import Collection, Mapping
from functools import wraps
from typing import Any
from warnings import warn


def keep_old_names(cls: type, renamed: Mapping[str, str], parameters: Collection[str]) -> None:
    """Let a class accept old names: ``renamed`` maps each to its new name; ``parameters`` have gradients, named ``d_…``."""
    for old, new in renamed.items():
        setattr(cls, old, _alias(cls.__name__, old, new))
        if new in parameters:
            setattr(cls, f"d_{old}", _alias(cls.__name__, f"d_{old}", f"d_{new}"))
    construct = cls.__init__  # type: ignore[misc]

    @wraps(construct)
    def with_old_names(self: Any, *positional: Any, **settings: Any) -> None:
        for old in renamed.keys() & settings.keys():
            _warn(cls.__name__, old, renamed[old])
            settings[renamed[old]] = settings.pop(old)
        construct(self, *positional, **settings)

    cls.__init__ = with_old_names  # type: ignore[misc]


def _alias(owner: str, old: str, new: str) -> property:
    def read(self: Any) -> Any:
        _warn(owner, old, new)
        return getattr(self, new)

    def write(self: Any, value: Any) -> None:
        _warn(owner, old, new)
        setattr(self, new, value)

    return property(read, write, doc=f"Old name of ``{new}``.")


def _warn(owner: str, old: str, new: str) -> None:
    warn(
        f"{owner}: {old} is now called {new}; the old name goes away in version 1.0.", DeprecationWarning, stacklevel=3
    )
