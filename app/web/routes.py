"""All pages as one router, for app.main to include."""

from fastapi import APIRouter

from app.web import label, labeler, languages, prompts, sign_in, sse, train

router = APIRouter(include_in_schema=False)
for part in (label, prompts, sse, train, labeler, languages, sign_in):
    router.include_router(part.router)
