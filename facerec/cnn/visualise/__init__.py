"""Seeing what a network learned: its filters, its maps, what excites a unit, and where a class is seen."""

from facerec.cnn.visualise.layers import feature_maps, first_filters, paint_filters, paint_maps
from facerec.cnn.visualise.occlusion import Occlusion, occlusion, paint_occlusion
from facerec.cnn.visualise.opening import opened
from facerec.cnn.visualise.patches import Patch, exciting_patches, paint_patches
from facerec.cnn.visualise.sight import Sight, look_into, look_into_fresh

__all__ = [
    "Occlusion",
    "Patch",
    "Sight",
    "exciting_patches",
    "feature_maps",
    "first_filters",
    "look_into",
    "look_into_fresh",
    "occlusion",
    "opened",
    "paint_filters",
    "paint_maps",
    "paint_occlusion",
    "paint_patches",
]
