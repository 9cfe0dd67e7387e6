"""How the answers of the label page are written, and what its labelers are told: one row, once somebody chose."""

from sqlalchemy import CheckConstraint, ForeignKey, false, true
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.models.groups import ANSWERS_PER_GROUP


class LabelSettings(Base):
    __tablename__ = "label_settings"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint(f"other_answers BETWEEN 0 AND {ANSWERS_PER_GROUP - 1}", name="other_answers"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    temperature: Mapped[float | None]
    """None, here and below: as the environment says."""
    top_k: Mapped[int | None]
    top_p: Mapped[float | None]
    max_tokens: Mapped[int | None]
    version_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id"))
    """Which version writes; None for the one that is active."""
    other_version_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id"))
    """A second one, that writes some of the four; None for the one that is active."""
    other_answers: Mapped[int] = mapped_column(default=0)
    """How many of the four it writes; at 0 there is no second one."""
    shows_prediction: Mapped[bool] = mapped_column(default=True, server_default=true())
    """Whether labelers are told, once a ranking is sent, what the reward model had predicted."""
    repeat_share: Mapped[float] = mapped_column(default=0.0, server_default="0")
    """Of cards, those that are given to their labeler a second time; 0: none."""
    second_share: Mapped[float] = mapped_column(default=0.0, server_default="0")
    """Of cards, those that somebody else ranked before; 0: none."""
    chooses_groups: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether the next card is the one of several that is expected to teach the reward model most."""
    draws_all_sets: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether shipped prompts that were written for other models are drawn, too."""
    guidelines: Mapped[str | None]
    """Markdown; None for the ones that the program ships with."""
