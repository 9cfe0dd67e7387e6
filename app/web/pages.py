"""The table of pages: one line makes a page's link in the navigation, its way out of an error, and its routes.

A new page costs its routes, its template and its line here.
"""

from dataclasses import dataclass
from importlib import import_module

from fastapi import APIRouter

from app.translation import N_


@dataclass(frozen=True)
class Page:
    name: str
    """What its template's context calls it, so that its link is marked."""
    path: str
    link: str
    """Its link in the navigation."""
    go: str
    """The same from an error."""
    routes: tuple[str, ...]
    """Modules with a `router`, as text: they render templates, which read this table."""
    below: tuple[str, ...] = ()
    """How addresses that belong to it begin, beside its own."""


PAGES = (
    Page(
        "label",
        "/",
        N_("Label"),
        N_("Go to labeling"),
        (
            "app.web.label",
            "app.web.ranking",
            "app.web.own_prompt",
            "app.web.labeler",
            "app.web.languages",
            "app.web.prediction",
        ),
    ),
    Page(
        "playground",
        "/playground",
        N_("Playground"),
        N_("Go to the playground"),
        ("app.web.playground",),
        below=("/playground",),
    ),
    Page("chat", "/chat", N_("Chat"), N_("Go to the chat"), ("app.web.chat", "app.web.chat_actions"), below=("/chat",)),
    Page(
        "arena",
        "/arena",
        N_("Arena"),
        N_("Go to the arena"),
        ("app.web.arena", "app.web.arena_own", "app.web.arena_settings"),
        below=("/arena",),
    ),
    Page("tokens", "/tokens", N_("Tokens"), N_("Go to the tokens"), ("app.web.tokens",), below=("/tokens",)),
    Page(
        "data",
        "/data",
        N_("Data"),
        N_("Go to the data"),
        (
            "app.web.data_tags",
            "app.web.data_change",
            "app.web.data_rankings",
            "app.web.data_prompt",
            "app.web.data_prompts",
            "app.web.data_votes",
            "app.web.data_groups",
            "app.web.data_labelers",
            "app.web.data_import",
        ),
        below=("/data", "/prompts"),
    ),
    Page(
        "train",
        "/train",
        N_("Train"),
        N_("Go to training"),
        (
            "app.web.train",
            "app.web.runs",
            "app.web.run_comparison",
            "app.web.start_page",
            "app.web.versions",
            "app.web.label_settings",
            "app.web.label_effect",
        ),
        below=("/train", "/versions", "/jobs"),
    ),
    Page("learn", "/learn", N_("Learn"), N_("Go to Learn"), ("app.web.learn",), below=("/learn",)),
)
IN_LINE = 4
"""So many links stand in the line of a narrow screen, with that of the page that one is on; the rest open with "More".
Eight in Chinese or English fit no line of 360 pixels."""
WITHOUT_LINK = ("app.web.sign_in", "app.web.page_language")


def pages_router(table: tuple[Page, ...]) -> APIRouter:
    """All pages of the table as one router, for app.main to include."""
    router = APIRouter(include_in_schema=False)
    for module in [*(module for page in table for module in page.routes), *WITHOUT_LINK]:
        router.include_router(import_module(module).router)
    return router


def pages_from(path: str) -> list[Page]:
    """Where to go from an address that leads nowhere: the nearest page first."""
    near = next((page for page in PAGES if page.below and path.startswith(page.below)), PAGES[0])
    return sorted(PAGES, key=lambda page: page is not near)
