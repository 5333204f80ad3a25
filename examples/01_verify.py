"""Are two pictures of one person? Three lines.

python examples/01_verify.py a.jpg b.jpg
"""

import sys

from facerec import Recognizer

recognizer = Recognizer.open()
answer = recognizer.verify(sys.argv[1], sys.argv[2])
print(answer.outcome, round(answer.similarity, 3), f"decided at FMR {answer.point.fmr:.2g}")
