"""Deprecated names of ``CNN`` methods, which emit a ``DeprecationWarning`` and will be removed in version 1.0."""

from typing import Any

from ..support.renamed import warn_renamed
from .model_file import ModelFile


class OldNames(ModelFile):
    """Methods under their old names; base class of ``CNN``."""

    def describe(self) -> str:
        """Deprecated: use ``to_toml``."""
        warn_renamed("CNN.describe", "to_toml")
        return self.to_toml()

    @classmethod
    def from_description(cls, *positional: Any, **settings: Any) -> Any:
        """Deprecated: use ``from_toml``."""
        warn_renamed("CNN.from_description", "from_toml")
        return cls.from_toml(*positional, **settings)

    def put_arrays(self, arrays: Any) -> None:
        """Deprecated: use ``load_arrays``."""
        warn_renamed("CNN.put_arrays", "load_arrays")
        self.load_arrays(arrays)
