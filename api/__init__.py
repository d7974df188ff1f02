"""The HTTP face: create_app puts blueprints, problems, limits and headers together. Rules live in provenance.services."""

from api.application import create_app

__all__ = ["create_app"]
