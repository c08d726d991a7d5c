"""Figures about milestones: what is measured, and how it is grouped."""
