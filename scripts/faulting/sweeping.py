"""A sweep once everything has ended, and what an audit finds after it."""

from jobs.postgres_inventory import PostgresInventory
from jobs.s3 import connect_s3
from pipeline.audit import Fault
from pipeline.s3 import S3Store
from pipeline.stocktaking import Audit, Finding, Terms
from scripts.faulting.lab import Lab

AT_ONCE = Terms(older_than_seconds=0.0)  # nobody is at work any more: whatever is nobody's now, stays so


def sweep(lab: Lab) -> tuple[int, list[str]]:
    """Remove every orphan of the lab's store. Returns how many went, and in words what is wrong after it."""
    settings = lab.stack.settings
    audit = Audit(S3Store(connect_s3(settings), settings.s3_bucket), PostgresInventory.from_settings(settings), AT_ONCE)
    removed = sum(audit.sweep(finding) for finding in audit.findings() if finding.fault is Fault.ORPHAN)
    return removed, [in_words(finding) for finding in audit.findings() if finding.fault is not Fault.FOREIGN]


def in_words(finding: Finding) -> str:
    """An audit's finding as one of ours."""
    return f"the audit found {finding.key} {finding.fault}: {finding.reason}"
