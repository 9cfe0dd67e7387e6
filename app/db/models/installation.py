"""What was decided once for this installation, and stays with its data wherever it is moved: one row."""

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base


class Installation(Base):
    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    precision: Mapped[str]
    """bf16 or fp32: in which number format it computes where FOURFOLD_PRECISION does not say."""
