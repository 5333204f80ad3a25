"""The use cases: verify, identify, enroll. Importing this loads no torch and no database."""

from facerec.recognition.enrollment import Enrollment
from facerec.recognition.recognizer import Recognizer

__all__ = ["Enrollment", "Recognizer"]
