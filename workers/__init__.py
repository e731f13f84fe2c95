"""Processes: the worker's head and hands, the supervisor, the sweeper, the relay and the local stack."""
