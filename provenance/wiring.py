"""The only place where objects are built: settings in, services out."""

from __future__ import annotations

import os
import secrets
import socket
import time
from dataclasses import dataclass

from provenance.audit import Audit, Auditing
from provenance.chain import keystore
from provenance.chain.keystore import Signer
from provenance.chain.registry import Registry
from provenance.chain.rpc import Rpc
from provenance.config import Settings
from provenance.core.encoding import Address
from provenance.core.statements import Domain
from provenance.services.access import Access
from provenance.services.catalogue import Catalogue
from provenance.services.history import History
from provenance.services.indexing import Indexing
from provenance.services.issuance import Issuance
from provenance.services.redemption import Redemptions
from provenance.services.revocation import Revocations
from provenance.services.statistics import Statistics
from provenance.services.status import Status
from provenance.services.submission import Limits, Submission
from provenance.services.tracking import Tracking
from provenance.services.transfer import Transfers
from provenance.services.verification import Verification
from provenance.services.webhooks import Delivering, Endpoints, Poster
from provenance.store.database import Database
from provenance.store.migrate import upgrade


@dataclass(frozen=True)
class Services:
    """One process's service objects; threads may share them."""

    settings: Settings
    database: Database
    registry: Registry
    domain: Domain
    access: Access
    audit: Audit
    auditing: Auditing
    catalogue: Catalogue
    history: History
    issuance: Issuance
    redemptions: Redemptions
    revocations: Revocations
    statistics: Statistics
    status: Status
    tracking: Tracking
    transfers: Transfers
    verification: Verification
    webhooks: Endpoints


def open_database(settings: Settings) -> Database:
    """Brought up to this program's schema."""
    database = Database(settings.database_url)
    upgrade(database)
    return database


def open_registry(settings: Settings) -> Registry:
    return Registry(Rpc(settings.rpc_urls, timeout=settings.rpc_timeout), settings.require_registry())


def build_services(settings: Settings, database: Database, relayer: Address | None = None) -> Services:
    registry, clock = open_registry(settings), time.time
    domain = Domain(settings.chain_id, registry.address)
    audit = Audit(database, registry, domain, relayer)
    return Services(
        settings=settings,
        database=database,
        registry=registry,
        domain=domain,
        access=Access(database, clock),
        audit=audit,
        auditing=Auditing(audit.run, settings.data_dir / "audit.json", clock),
        catalogue=Catalogue(database, domain),
        history=History(database),
        issuance=Issuance(database, domain, clock, process_name()),
        redemptions=Redemptions(database, domain, clock),
        revocations=Revocations(database, domain, clock),
        statistics=Statistics(database),
        status=Status(database, registry, domain, relayer, clock),
        tracking=Tracking(database),
        transfers=Transfers(database, domain, clock),
        verification=Verification(registry, domain, clock),
        webhooks=Endpoints(database, Poster(private=settings.webhook_private), clock),
    )


def build_indexing(services: Services) -> Indexing:
    return Indexing(services.database, services.registry, services.settings.chain_id)


def build_submission(services: Services, signer: Signer) -> Submission:
    chain_id = services.settings.chain_id
    limits = Limits(fee_ceiling=services.settings.fee_ceiling_gwei * 10**9)
    return Submission(services.database, services.registry, signer, chain_id, process_name(), time.time, limits)


def build_delivering(services: Services) -> Delivering:
    poster = Poster(private=services.settings.webhook_private)
    return Delivering(services.database, poster, process_name(), time.time)


def open_relayer(settings: Settings) -> Signer:
    """The relayer's key, which holds gas money and no rights."""
    return keystore.load(settings.keystore, keystore.read_passphrase(file=settings.passphrase_file))


def process_name() -> str:
    """Unique to this process, for leases."""
    return f"{socket.gethostname()[:24]}:{os.getpid()}:{secrets.token_hex(4)}"
