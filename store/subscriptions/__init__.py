"""Subscriptions to the event feed: how they stand, what is to be sent of the feed, and what was given up."""
