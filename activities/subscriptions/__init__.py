"""What the workflows of subscriptions want done: events read from the feed, and sent."""
