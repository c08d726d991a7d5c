"""What is durable: cases and entitlements.

Thin shells around `domain`; modules with workflow classes hold nothing else.
"""
