"""Settings: read once from the environment, then passed on. Only the API key and the fail points are read elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from provenance.core.encoding import Address, parse_address
from provenance.errors import InvalidInput

EMBEDDED_RPC = "http://127.0.0.1:8545"
EMBEDDED_CHAIN_ID = 31337


@dataclass(frozen=True)
class Settings:
    """`registry` is None before `provenance registry deploy`."""

    data_dir: Path
    database_url: str
    rpc_urls: tuple[str, ...]
    chain_id: int
    registry: Address | None
    host: str
    port: int
    public_url: str
    api_url: str
    keystore: Path
    passphrase_file: Path
    rate_limit: str
    rate_storage: str
    trusted_proxies: int
    rpc_timeout: float
    webhook_private: bool
    fee_ceiling_gwei: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """DATA_DIR, DATABASE_URL, RPC_URL (several: comma), CHAIN_ID, REGISTRY, HOST, PORT, PUBLIC_URL, API_URL, KEYSTORE,
        PASSPHRASE_FILE, RATE_LIMIT, RATE_STORAGE, TRUSTED_PROXIES, RPC_TIMEOUT, WEBHOOK_PRIVATE, FEE_CEILING_GWEI.
        Raises InvalidInput that names it."""
        data_dir = Path(environment.get("DATA_DIR", "var"))
        deployed = read_deployment(data_dir)
        host, port = environment.get("HOST", "127.0.0.1"), _number(environment, "PORT", 8000)
        own_url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
        registry = environment.get("REGISTRY") or deployed.get("registry")
        return cls(
            data_dir=data_dir,
            database_url=environment.get("DATABASE_URL", f"sqlite:///{data_dir}/provenance.db"),
            rpc_urls=tuple(url.strip() for url in environment.get("RPC_URL", EMBEDDED_RPC).split(",")),
            chain_id=_number(environment, "CHAIN_ID", int(deployed.get("chainId", EMBEDDED_CHAIN_ID))),
            registry=parse_address(registry, field="REGISTRY") if registry else None,
            host=host,
            port=port,
            public_url=environment.get("PUBLIC_URL", own_url).rstrip("/"),
            api_url=environment.get("API_URL", own_url).rstrip("/"),
            keystore=Path(environment.get("KEYSTORE", data_dir / "keys" / "relayer.json")),
            passphrase_file=Path(environment.get("PASSPHRASE_FILE", data_dir / "keys" / "passphrase")),
            rate_limit=environment.get("RATE_LIMIT", "1200/minute"),
            rate_storage=environment.get("RATE_STORAGE", "memory://"),
            trusted_proxies=_number(environment, "TRUSTED_PROXIES", 0),
            rpc_timeout=float(_number(environment, "RPC_TIMEOUT", 10)),
            webhook_private=bool(_number(environment, "WEBHOOK_PRIVATE", 0)),
            fee_ceiling_gwei=_number(environment, "FEE_CEILING_GWEI", 500),
        )

    def require_registry(self) -> Address:
        if self.registry is None:
            detail = "no registry is configured; set REGISTRY, or run `provenance registry deploy`"
            raise InvalidInput(detail, field="REGISTRY", code="no_registry")
        return self.registry


def read_deployment(data_dir: Path) -> dict[str, str]:
    """What `registry deploy` noted: chainId and registry. Empty where it did not run here."""
    path = data_dir / "deployment.json"
    if not path.exists():
        return {}
    try:
        noted = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise InvalidInput(f"{path} is damaged; restore it, or set CHAIN_ID and REGISTRY and remove it") from error
    return noted if isinstance(noted, dict) else {}


def note_deployment(data_dir: Path, chain_id: int, registry: Address) -> None:
    data_dir.mkdir(parents=True, exist_ok=True)
    noted = json.dumps({"chainId": chain_id, "registry": registry}, indent=2)
    (data_dir / "deployment.json").write_text(noted + "\n", "utf-8")


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise InvalidInput(f"{name} must be a whole number, got {text!r:.40}", field=name)
    return int(text)
