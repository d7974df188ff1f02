"""Compares the database with the chain and lists where they differ. Believes no projection; writes nothing."""

from provenance.audit.background import Auditing
from provenance.audit.comparison import Audit
from provenance.audit.report import Difference, Report

__all__ = ["Audit", "Auditing", "Difference", "Report"]
