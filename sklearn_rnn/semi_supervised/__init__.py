"""Few labels, many texts: classifiers that learn from texts without labels, too."""

from ._splits import LabelledSplit
from ._teacher_student import TeacherStudentClassifier

__all__ = ["LabelledSplit", "TeacherStudentClassifier"]
