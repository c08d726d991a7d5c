"""Criteria: CEL expressions over declared fields, compiled when they are declared and evaluated while a case runs."""
