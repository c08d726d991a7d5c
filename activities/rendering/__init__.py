"""The texts of actions, rendered in a process of their own that a bad template cannot take anything down with."""
