"""Deprecated names of attributes, methods and constructor parameters, which will be removed in version 1.0."""

from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any
from warnings import warn


def keep_old_names(cls: type, renamed: Mapping[str, str], parameters: Collection[str]) -> None:
    """Make a class accept old names: ``renamed`` maps old to new; names in ``parameters`` also have gradients, ``d_…``."""
    for old, new in renamed.items():
        setattr(cls, old, alias(f"{cls.__name__}: {old}", new))
        if new in parameters:
            setattr(cls, f"d_{old}", alias(f"{cls.__name__}: d_{old}", f"d_{new}"))
    construct = cls.__init__  # type: ignore[misc]

    @wraps(construct)
    def with_old_names(self: Any, *positional: Any, **settings: Any) -> None:
        for old in renamed.keys() & settings.keys():
            warn_renamed(f"{cls.__name__}: {old}", renamed[old])
            settings[renamed[old]] = settings.pop(old)
        construct(self, *positional, **settings)

    cls.__init__ = with_old_names  # type: ignore[misc]


def alias(old: str, new: str) -> property:
    """A property that reads and writes the attribute ``new`` and warns that ``old`` is deprecated."""

    def read(self: Any) -> Any:
        warn_renamed(old, new)
        return getattr(self, new)

    def write(self: Any, value: Any) -> None:
        warn_renamed(old, new)
        setattr(self, new, value)

    return property(read, write, doc=f"Deprecated: use ``{new}``.")


def old_names(module: str, namespace: Mapping[str, Any], renamed: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module with the globals ``namespace``: ``renamed`` maps old names to new ones."""

    def attribute(name: str) -> Any:
        if name not in renamed:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warn_renamed(f"{module}.{name}", renamed[name])
        return namespace[renamed[name]]

    return attribute


def warn_renamed(old: str, new: str) -> None:
    """Warn that ``old`` was renamed, at the line that calls the calling function."""
    warn(f"{old} is now called {new}; the old name will be removed in version 1.0.", DeprecationWarning, stacklevel=3)
