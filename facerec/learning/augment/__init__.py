"""Random views of pictures: geometry, light, detail and occlusion, a batch at a time and drawn by one generator.

Pieces take images (B, 3, S, S) float32 in 0..1 on any device, and may write into them. Random numbers are drawn on the
CPU, so that a seed means the same views everywhere.
"""

from facerec.learning.augment.chain import augment, plain, random_views
from facerec.learning.augment.settings import AugmentSettings

__all__ = ["AugmentSettings", "augment", "plain", "random_views"]
