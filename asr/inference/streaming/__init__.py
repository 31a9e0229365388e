"""The layers of a left-to-right model, chunk by chunk: equal to the whole, in constant memory.

Every stage is called with what came since, and with whether it was the last; it gives what no
later input can change. Between calls it keeps the few rows that its next output will see.
"""
