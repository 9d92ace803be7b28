"""Processes: what runs across contexts - checkout, provider facts, relay, janitor.

A process is a chain of named phases: transaction, call, transaction. It may die between any two
lines and is resumed from its recovery point.
"""
