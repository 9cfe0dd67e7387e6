"""The doors of the API for files: which forms of rows each takes, and what it says of others."""

from app.services.data.row_forms import Form

ANY = frozenset(Form)
PROMPTS, COMPARED = frozenset({Form.PROMPTS, Form.ANSWERED}), frozenset({Form.RANKINGS, Form.COMPARISONS})
VOTES, CONVERSATIONS = frozenset({Form.VOTES}), frozenset({Form.CONVERSATIONS})
_TO_PROMPTS = "Send the file to POST /api/v1/import/prompts."
_WHERE = {
    Form.PROMPTS: f"it is a prompt without answers that were compared. {_TO_PROMPTS}",
    Form.ANSWERED: f"it is a prompt with one answer, which compares nothing. {_TO_PROMPTS}",
    Form.RANKINGS: "it holds ranked answers, of which only the prompt would be kept here. Send the file to "
    "POST /api/v1/import/rankings, which keeps them.",
    Form.COMPARISONS: "it holds two answers that were compared, of which only the prompt would be kept here. Send the "
    "file to POST /api/v1/import/comparisons, which keeps them.",
    Form.VOTES: "it holds a vote of the arena. Send the file to POST /api/v1/import/votes, which keeps it.",
    Form.CONVERSATIONS: "it holds a conversation. Send the file to POST /api/v1/import/conversations, which keeps it; "
    "without conversation_id its first question is a prompt.",
}
_A_CONVERSATION = (
    "it is no conversation. Here each row is one: messages (a list with role and content) and, where they are known, "
    "title, labeler and created_at."
)


def wrong_door(form: Form, wanted: frozenset[Form]) -> str:
    """Why a row of this form is not taken, and where it is."""
    return _A_CONVERSATION if wanted == CONVERSATIONS else _WHERE[form]
