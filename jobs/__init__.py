"""The contract between a submitter and a worker: the job, its ledger, its tickets and the client.

A frontend imports this package alone. Neither NumPy, OpenCV nor boto3 is loaded by it.
"""
