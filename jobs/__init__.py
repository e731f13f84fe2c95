"""The contract between a submitter and a worker: the job, its ledger, its tickets and the client.

A frontend imports this package alone: `Client`, and what its calls raise. Neither NumPy, OpenCV nor boto3 is loaded by
it; boto3, psycopg2 and gearman3 come with the first call that needs them.
"""

from jobs.client import Client
from jobs.errors import LedgerUnavailable, Rejected, StoreUnavailable, Unavailable

__all__ = ["Client", "LedgerUnavailable", "Rejected", "StoreUnavailable", "Unavailable"]
