"""Training: the loop, what it changes, and EB-GFN's algorithms that serve any problem. Nothing here knows a problem."""
