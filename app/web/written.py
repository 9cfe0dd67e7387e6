"""What a form showed in the place of each text: sent along with it, so that nothing is overwritten unseen."""

from starlette.datastructures import FormData


def seen_texts(form: FormData) -> dict[str, str]:
    """Those that it says."""
    return {name: str(form[name]) for name in ("seen_name", "seen_note") if name in form}
