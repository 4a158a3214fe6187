"""A scikit-learn classifier: ``CNNClassifier`` in pipelines, cross-validation and grid searches.

It needs scikit-learn: ``pip install 'jitcnn[sklearn]'``.
"""

from importlib.util import find_spec

if find_spec("sklearn") is None:
    raise ImportError("jitcnn.sklearn needs scikit-learn, which is not installed: run pip install 'jitcnn[sklearn]'.")

from .classifier import CNNClassifier

__all__ = ["CNNClassifier"]
