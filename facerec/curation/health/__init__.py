"""The health of a gallery: who is enrolled twice, what is filed under the wrong name, what is of little use."""

from facerec.curation.health.report import Health, check_gallery

__all__ = ["Health", "check_gallery"]
