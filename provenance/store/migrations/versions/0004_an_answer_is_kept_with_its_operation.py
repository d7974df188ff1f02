"""an answer is kept with its operation: there is no idempotency record of a request in flight any more"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM idempotency_records WHERE status IS NULL")
    _set_nullable(False)


def downgrade() -> None:
    _set_nullable(True)


def _set_nullable(nullable: bool) -> None:
    with op.batch_alter_table("idempotency_records", schema=None) as batch_op:
        batch_op.alter_column("status", existing_type=sa.BigInteger(), nullable=nullable)
        batch_op.alter_column("body", existing_type=sa.LargeBinary(), nullable=nullable)
