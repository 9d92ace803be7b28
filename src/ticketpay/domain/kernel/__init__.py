"""The kernel: errors, identifiers, time, and the table-driven state machine.

Everything else in the domain may import the kernel; the kernel imports nothing.
"""
