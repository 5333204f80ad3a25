"""Training an encoder: a settings file and pictures of faces in, a folder with weights and a log out."""

from facerec.learning.augment import AugmentSettings
from facerec.learning.settings import TrainSettings
from facerec.training.exporting import export
from facerec.training.material import Material
from facerec.training.runs import train, train_from

__all__ = ["AugmentSettings", "Material", "TrainSettings", "export", "train", "train_from"]
