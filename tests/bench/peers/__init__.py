"""The same work as one job of a job queue for each lead: one file for each queue.

Each is a program with two commands: `enqueue FIRST COUNT` and `work`. It is tuned as its own
documentation says, and where that offers a choice, work outlives the death of its process.
"""
