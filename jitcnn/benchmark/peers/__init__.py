"""The same net in the frameworks of others, each in a process of its own: who is faster on this machine."""
