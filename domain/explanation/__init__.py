"""Why every target of a case is what it is: values for programs, sentences for people."""

from domain.explanation.explaining import explain
from domain.explanation.parts import Explanation

__all__ = ["Explanation", "explain"]
