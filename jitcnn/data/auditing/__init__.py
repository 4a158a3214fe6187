"""Audit of a data set: its statistics, and what looks wrong with its images, labels and files."""

from .audit import audit
from .report import DataReport, Finding

__all__ = ["DataReport", "Finding", "audit"]
