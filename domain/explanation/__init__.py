"""Why every target of a case is what it is: values for programs, sentences for people."""

from domain.explanation.explaining import explain, explain_instance
from domain.explanation.parts import Explanation, InstanceExplained

__all__ = ["Explanation", "InstanceExplained", "explain", "explain_instance"]
