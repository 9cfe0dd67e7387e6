"""How a version cuts a text into tokens: their ids, texts and bytes, and the merges that made them."""

from dataclasses import asdict

from fastapi import APIRouter
from pydantic import Field

from app.api.description import raises
from app.api.schemas import Model, Out
from app.chat import MergeTree
from app.errors import GoneError, NotFoundError
from app.formats.ids import RowId
from app.runtime import Admitted, RuntimeDep, UnitRoute
from app.services.versions.tokenizers import MAX_TEXT_CHARACTERS, tokenizing_version

router = APIRouter(prefix="/api/v1", tags=["model"], route_class=UnitRoute)


class TokenizeIn(Model):
    text: str = Field(max_length=MAX_TEXT_CHARACTERS)
    """What is cut."""
    version: RowId | None = Field(
        None, description="A version's id, of any kind: each has a tokenizer; default: the active one."
    )
    chat: bool = Field(
        False, description="Cut it as a question in the version's chat format, its special tokens included."
    )
    merges: bool = Field(False, description="Return the merges that made the tokens, too.")


class TokenOut(Out):
    """`text` is what the token writes alone, the replacement character for half a character."""

    token_id: int
    """Its number in the vocabulary."""
    text: str
    """As it is shown; half a character is a mark."""
    bytes: tuple[int, ...]
    """What it stands for."""
    special: bool
    """Whether it is a mark of the chat format, which no text holds."""


class TokenizeOut(Out):
    """The bytes of all tokens joined are the text's UTF-8 where `exact` is true: some tokenizers change a text before
    they cut it. Whatever stands in the text, none of it becomes a special token. `merges` has, by token id, the tree of
    each token that merges made (byte-pair encoding); other tokenizers have none."""

    version: int
    """Whose tokenizer."""
    algorithm: str
    """How it cuts."""
    exact: bool
    """Whether the tokens together are the text."""
    tokens: list[TokenOut]
    """In their order."""
    merges: dict[int, MergeTree] | None = None
    """How each token came about, where that was asked for."""


@router.post(
    "/tokenize",
    response_model_exclude_none=True,
    dependencies=[Admitted],
    responses=raises(NotFoundError, GoneError),
)
def tokenize(body: TokenizeIn, runtime: RuntimeDep) -> TokenizeOut:
    """Splits a text into a version's tokens."""
    with runtime.read() as session:
        version_id = tokenizing_version(session, body.version).id
    told = runtime.engine.tokenize(body.text, version_id=version_id, chat=body.chat, merges=body.merges)
    return TokenizeOut(
        version=version_id,
        algorithm=told.algorithm,
        exact=told.exact,
        tokens=[TokenOut(**asdict(each)) for each in told.tokens],
        merges=dict(told.merges) if body.merges else None,
    )
