"""Evaluation: accuracy, scores per class, top-k, calibration, test-time views, ensembles and misclassified images."""

from .ensemble import Ensemble
from .evaluation import Evaluation, evaluate
from .misclassified import Mistake, mistakes
from .per_class import Averages, ClassScores, class_scores, confusion_matrix, macro_f1
from .ranking import top_k_accuracy
from .reliability import Calibration, brier_score, calibration
from .temperature import fit_temperature
from .views import Views

__all__ = [
    "Averages",
    "Calibration",
    "ClassScores",
    "Ensemble",
    "Evaluation",
    "Mistake",
    "Views",
    "brier_score",
    "calibration",
    "class_scores",
    "confusion_matrix",
    "evaluate",
    "fit_temperature",
    "macro_f1",
    "mistakes",
    "top_k_accuracy",
]
