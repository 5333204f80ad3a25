"""Paint a photo in the manner of a picture, from coarse to fine, and tell what it costs on the way.

python examples/51_paint.py PHOTO STYLE OUT.png
"""

import sys

from facerec import images
from facerec.style.settings import StyleSettings
from facerec.style.transfer import Step, paint

photo, style = (images.load(path) for path in sys.argv[1:3])


def tell(step: Step) -> None:
    """A line for every tenth step."""
    if step.number % 10 == 1:
        print(f"step {step.number} of {step.of}: content cost {step.content:.4g}, style cost {step.style:.4g}")


painting = paint(photo, [style], StyleSettings(size=256, steps=40, scales=2), watch=tell)
print(f"painted: content cost {painting.final[1]:.4g}, style cost {painting.final[2]:.4g}")
images.save(painting.image, sys.argv[3])
