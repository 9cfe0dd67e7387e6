"""What the data folder needs before anything runs: schema, SFT weights, shipped prompts. Idempotent."""

from sqlalchemy.exc import DatabaseError

from app.config import Settings
from app.db.schema import migrate
from app.db.session import make_engine, make_session_factory, transaction
from app.errors import UnavailableError
from app.services import prompts, versions


def install(settings: Settings) -> None:
    """Raises UnavailableError with the next step: a folder that cannot be written, no weights, a newer schema."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(
            f"The data folder {settings.data_dir} cannot be made ({error.strerror}). "
            "Set FOURFOLD_DATA_DIR to another one."
        ) from error
    engine = make_engine(settings.resolved_database_url)
    try:
        migrate(engine)
        with transaction(make_session_factory(engine)) as session:
            versions.install_sft(session, model_dir=settings.model_dir, data_dir=settings.data_dir)
            prompts.install_shipped_prompts(session)
    except DatabaseError as error:
        raise UnavailableError(
            f"The database of the data folder {settings.data_dir} cannot be used ({error.orig}). Give this program the "
            "right to write there, or set FOURFOLD_DATA_DIR to another folder; nothing was changed."
        ) from error
    finally:
        engine.dispose()
