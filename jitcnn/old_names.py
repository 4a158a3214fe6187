"""Old names of the methods of ``CNN``, which work until version 1.0 with a ``DeprecationWarning``."""

from typing import Any

from .model_file import ModelFile
from .renamed import warn_renamed


class OldNames(ModelFile):
    """The methods under their old names; base of ``CNN``."""

    def describe(self) -> str:
        """Old name of ``to_toml``."""
        warn_renamed("CNN.describe", "to_toml")
        return self.to_toml()

    @classmethod
    def from_description(cls, *positional: Any, **settings: Any) -> Any:
        """Old name of ``from_toml``."""
        warn_renamed("CNN.from_description", "from_toml")
        return cls.from_toml(*positional, **settings)

    def put_arrays(self, arrays: Any) -> None:
        """Old name of ``load_arrays``."""
        warn_renamed("CNN.put_arrays", "load_arrays")
        self.load_arrays(arrays)
