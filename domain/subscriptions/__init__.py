"""Subscriptions to the event feed: what they are asked and say, which events may go now, what a failure does."""
