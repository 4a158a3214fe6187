"""Old names of the methods of ``CNN``, which work until version 1.0 with a ``DeprecationWarning``."""

from typing import Any
from warnings import warn

from .model_file import ModelFile

RENAMED = {"describe": "to_toml", "from_description": "from_toml", "put_arrays": "load_arrays"}


class OldNames(ModelFile):
    """The methods under their old names; base of ``CNN``."""

    def describe(self) -> str:
        """Old name of ``to_toml``."""
        return str(_renamed(self, "describe"))

    @classmethod
    def from_description(cls, *positional: Any, **settings: Any) -> Any:
        """Old name of ``from_toml``."""
        return _renamed(cls, "from_description", *positional, **settings)

    def put_arrays(self, arrays: Any) -> None:
        """Old name of ``load_arrays``."""
        _renamed(self, "put_arrays", arrays)


def _renamed(owner: Any, old: str, *positional: Any, **settings: Any) -> Any:
    new = RENAMED[old]
    warn(f"CNN.{old} is now called {new}; the old name goes away in version 1.0.", DeprecationWarning, stacklevel=3)
    return getattr(owner, new)(*positional, **settings)
